"""Label Studio: labels exported to it, and imported back."""
