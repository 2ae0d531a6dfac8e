"""Review: a person labels a sample blind, or confirms suspects, on a local page."""
