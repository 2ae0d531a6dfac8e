"""Look before you train: the fingerprint of a data set, and a page that says what follows from it."""
