"""Trunks of orgs: calls that come over them, and what keeps them reachable."""
