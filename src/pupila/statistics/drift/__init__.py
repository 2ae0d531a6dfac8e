"""Whether what a model is asked for still looks like its reference."""
