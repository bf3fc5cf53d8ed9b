"""Calls: the resource, what is left of one, and how one ended."""
