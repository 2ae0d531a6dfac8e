"""How the labels of a layout are written: one class per cell, several in one cell, or one column per class."""
