"""Whose turn it is: the turn machine, what it is told and asks for, and the plans that it goes by."""
