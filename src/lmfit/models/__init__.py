"""Pretrained models: find, load, freeze, save."""
