"""The web: FastAPI, its one door; limits, request numbers and error bodies that say what to do."""
