"""The split: duplicates and groups stay on one side, classes stay balanced, leaks are found and said."""
