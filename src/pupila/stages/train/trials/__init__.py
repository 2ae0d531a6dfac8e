"""Short measured trials: planning trains several candidate settings for a few epochs, and takes the best one."""
