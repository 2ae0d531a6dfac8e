"""Accuracy of Pupila's defaults beside other methods, at equal CPU time, on many tasks: see `README.md`."""
