"""Examples in, predictions out."""
