"""Assistants and squads, and the plans, models, voices and transcribers that they are made of."""
