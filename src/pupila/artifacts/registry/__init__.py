"""The registry of models: numbered versions that never change, aliases that move between them, and their history."""
