"""Learning: networks, losses, augmentation and the training loop, all on torch."""
