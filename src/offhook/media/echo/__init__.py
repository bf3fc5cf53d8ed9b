"""The assistant's own voice, coming back from a loudspeaker, taken out of what is heard of a caller."""
