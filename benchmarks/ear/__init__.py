"""Whole conversations from the caller's ear: recorded and spoken callers, real voice activity and the real
local transcriber, on the virtual clock."""
