"""Tools, and where they hand a caller or a conversation to."""
