"""Core: words, files and settings that every room builds on; no numpy."""
