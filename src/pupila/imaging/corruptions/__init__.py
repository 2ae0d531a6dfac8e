"""Images made worse on purpose, in known steps: light, detail, shadows and reflections, other backgrounds."""
