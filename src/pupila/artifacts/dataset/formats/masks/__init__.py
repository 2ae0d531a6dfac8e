"""Images and mask files: which folders pair, and how files are joined into one mask."""
