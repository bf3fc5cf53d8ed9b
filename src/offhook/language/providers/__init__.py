"""One file for each vendor of language models."""
