"""The media plane: a sans-IO engine behind commands and events (docs/architecture.md)."""
