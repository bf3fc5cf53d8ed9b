"""What messages go over, one file for each transport (RFC 3261 §18)."""
