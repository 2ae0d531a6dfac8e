"""Whether the predictions of a log still look like the reference of their bundle."""
