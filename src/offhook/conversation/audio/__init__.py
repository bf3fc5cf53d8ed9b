"""Sound: the caller's speech, the synthesis of what the assistant says, and its playout."""
