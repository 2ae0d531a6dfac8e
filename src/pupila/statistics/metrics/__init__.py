"""Metrics: plain functions on arrays, their edge cases said."""
