"""Replays runs and sweeps into trackers: MLflow, W&B and TensorBoard."""
