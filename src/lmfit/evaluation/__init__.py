"""Metrics, intervals, baselines, report."""
