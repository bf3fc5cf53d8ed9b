"""How HTTP is spoken: connections, bodies, keys, and the envelope of errors."""
