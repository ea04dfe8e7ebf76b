"""Smaller and faster models: vocabulary trimming, structured pruning, distillation, and all of it jointly."""
