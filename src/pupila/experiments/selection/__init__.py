"""The score of a sweep's winner, corrected for the choice among all epochs of all cells."""
