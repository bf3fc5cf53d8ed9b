"""Hooks: what an owner wants done when something happens in a call, and how it is done."""
