"""Review: a reviewer labels a sample blind, or checks suspected label errors, on a local page."""
