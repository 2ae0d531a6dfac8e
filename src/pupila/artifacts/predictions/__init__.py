"""Tables of predictions: what their columns mean, for every task."""
