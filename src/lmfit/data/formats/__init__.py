"""One streaming reader per file format."""
