"""One file per task: encode, collate, loss, decode, score."""
