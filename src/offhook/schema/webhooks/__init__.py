"""Messages to an owner's server, and what it may answer."""
