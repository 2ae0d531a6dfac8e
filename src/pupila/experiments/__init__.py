"""Many runs: grids and searches over the settings of a training, and what their table tells."""
