"""What is stored of numbers, assistants, squads, tools, orgs and credentials, as calls read it."""
