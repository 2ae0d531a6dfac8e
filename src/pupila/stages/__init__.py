"""Stages: one command each; they meet in versioned files and never import each other."""
