"""The demo: end-to-end stories on synthetic data, which is drawn here and labelled as synthetic."""
