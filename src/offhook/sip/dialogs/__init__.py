"""Calls: from an INVITE to the BYE (RFC 3261 §12-15)."""
