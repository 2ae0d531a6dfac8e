"""Labellers: a vision-language model, a hosted endpoint, a bundle, or a table."""
