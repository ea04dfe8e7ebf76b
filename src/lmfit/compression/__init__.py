"""Smaller, faster models that answer alike: fewer tokens, units, layers and bits, and the certificate of it."""
