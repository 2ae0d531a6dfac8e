"""Reports: one self-contained HTML page with the verdict first, then charts and images, then tables."""
