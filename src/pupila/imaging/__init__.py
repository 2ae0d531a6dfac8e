"""Imaging: pictures without a model: decoding, GeoTIFF, masks, regions, tiles and duplicates."""
