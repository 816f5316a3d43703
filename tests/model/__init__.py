"""Randomised tests that run the same operations on a backend and on a plain model, and compare the results."""
