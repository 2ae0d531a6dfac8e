"""Training: a wish becomes a plan, the plan a run, and the run a bundle."""
