"""lmfit compare: runs beside each other on the same test rows, read from nothing but their folders."""
