"""What a conversation asks of the world: its tools, who takes over, the owner's servers."""
