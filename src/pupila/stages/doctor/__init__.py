"""The doctor: faults of a data set, each with a fix; without a data set, it describes the installation."""
