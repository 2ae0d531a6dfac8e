"""GeoTIFF: any bands as RGB, scenes of any size by windows, and masks that keep their place on the earth."""
