"""Reports: one self-contained HTML page, the verdict in words first, then the picture, then the table."""
