"""Prompted masks: how good the answers to points and to boxes are, beside what the model was before."""
