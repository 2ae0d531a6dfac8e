"""Benchmarks: side by side with what a user would write or pick instead, as a ratio in one run."""
