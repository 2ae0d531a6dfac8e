"""Training: settings become a plan, the plan a run, and the run a bundle."""
