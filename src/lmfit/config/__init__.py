"""The config: YAML in, checked and typed objects out. No torch here."""
