"""Measurements of the whole engine. Run ``make bench``, or ``python -m benchmarks NAME …``."""
