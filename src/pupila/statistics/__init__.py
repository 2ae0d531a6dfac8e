"""Statistics: plain functions on arrays: intervals, tests, metrics."""
