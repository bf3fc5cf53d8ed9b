"""Offhook: a self-hosted phone service for AI assistants."""

__version__ = "0.1.0"
