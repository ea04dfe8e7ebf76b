"""The loop and what stands around it; it knows no task by name."""
