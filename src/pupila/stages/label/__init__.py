"""Labels with source and confidence, from a vision-language model, an endpoint, a bundle or a table."""
