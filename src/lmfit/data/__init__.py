"""From files to examples, and from examples to batches."""
