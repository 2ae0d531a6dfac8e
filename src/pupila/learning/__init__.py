"""Learning: networks, losses, augmentation and the training loop; torch lives here."""
