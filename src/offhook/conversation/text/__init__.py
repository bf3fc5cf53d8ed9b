"""Written text to spoken text: pieces of it, formatters, spelling, and the patterns of owners."""
