"""Groups of related images that nobody named: candidates in file names, compared by how alike their images are."""
