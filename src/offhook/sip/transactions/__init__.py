"""Requests and their responses, repeated until they have come (RFC 3261 §17)."""
