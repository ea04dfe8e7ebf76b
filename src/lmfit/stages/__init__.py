"""One file per stage: each reads top-down like a recipe."""
