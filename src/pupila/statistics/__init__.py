"""Statistics: plain functions of arrays, which know no images: intervals, tests, metrics."""
