"""The web: FastAPI, imported here only, with limits, request ids and error bodies that say what to do."""
