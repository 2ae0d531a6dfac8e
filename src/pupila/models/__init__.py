"""Models: a name becomes a network with its weights and its own preparation. The one door to timm."""
