"""How a time budget is spent, in a file for each task that can be timed."""
