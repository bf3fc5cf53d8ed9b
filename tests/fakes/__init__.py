"""Servers that stand in for vendors. The vendor's own client judges each, before it judges ours."""
