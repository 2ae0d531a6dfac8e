"""The split: duplicates and groups stay in one split, classes stay balanced, leaks are detected and listed."""
