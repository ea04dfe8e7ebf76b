"""Trackers: where the numbers of a training go besides log.jsonl."""
