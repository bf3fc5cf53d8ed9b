"""What the local model is made of: a prompt read into facts and cues, and what a caller wants."""
