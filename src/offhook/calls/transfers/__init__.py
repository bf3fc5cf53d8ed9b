"""Handing a caller on: where to, by REFER or by a second leg, with or without a word to whoever answers."""
