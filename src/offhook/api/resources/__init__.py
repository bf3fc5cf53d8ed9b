"""Routes, one file per resource, and what they have in common."""
