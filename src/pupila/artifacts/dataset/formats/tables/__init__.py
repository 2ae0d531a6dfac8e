"""Tables of labels: their text, their columns, and the splits that they name."""
