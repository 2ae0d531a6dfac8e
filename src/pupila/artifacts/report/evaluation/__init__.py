"""`report.json`: the typed report of an evaluation, one file for each task."""
