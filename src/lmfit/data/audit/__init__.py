"""The audit of a data set: findings with file and line, made in one pass, without keeping texts."""
