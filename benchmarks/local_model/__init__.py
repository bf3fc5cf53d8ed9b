"""Questions to the local model over prompts as people write them, each with what a useful answer holds."""
