"""Tools that the call runs: one file for each type, named in `conversation/tools/tool_kinds.py`."""
