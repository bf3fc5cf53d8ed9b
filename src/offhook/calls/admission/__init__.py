"""Who is let in: places, passwords, and how long a caller may ring."""
