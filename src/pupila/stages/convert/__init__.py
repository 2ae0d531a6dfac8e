"""Write a data set with masks as other tools read it."""
