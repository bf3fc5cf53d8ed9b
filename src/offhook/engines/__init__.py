"""Which vendor's file makes an engine of an assistant, and who takes over when one fails."""
