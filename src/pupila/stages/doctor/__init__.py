"""The doctor: faults of a data set, each with its mend; without a data set, the installation."""
