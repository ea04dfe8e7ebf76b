"""Smaller, faster models that answer alike: export, quantization, and the certificate that says so."""
