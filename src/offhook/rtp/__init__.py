"""Real-time media: packets, codecs, jitter, digits, reports, ports, and the one clock. Imported by file: who
commands a media plane needs none of the arithmetic."""
