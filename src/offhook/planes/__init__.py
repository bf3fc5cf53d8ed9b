"""The halves of a node, which share a process or have one each, and what they say to each other."""
