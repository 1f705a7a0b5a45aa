"""Benchmarks: each claim of speed as a ratio against a peer measured in the same run."""
