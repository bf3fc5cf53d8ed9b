"""Another assistant takes over: its engines, what it is told, and the variables that it gets."""
