"""Calls as they are stored, and the end of calls that a dead process has left."""
