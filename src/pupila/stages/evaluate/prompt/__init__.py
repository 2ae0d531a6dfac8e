"""Evaluating promptable models: masks for point prompts and box prompts, compared with other models."""
