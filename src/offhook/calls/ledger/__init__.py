"""Calls written down, and those ended that a process has left."""
