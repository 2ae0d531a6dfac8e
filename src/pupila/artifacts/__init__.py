"""Artifacts: what Pupila keeps: data sets, bundles, runs and reports, each with one reader."""
