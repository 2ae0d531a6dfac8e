"""The Python functions, one module per stage, and what needs several stages."""
