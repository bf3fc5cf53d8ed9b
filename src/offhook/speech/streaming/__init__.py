"""Engines that are spoken to as a call goes on: sockets, and what transcribers and voices make of them."""
