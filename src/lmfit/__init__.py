"""lmfit."""
