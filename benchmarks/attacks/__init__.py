"""What strangers, key holders, owners and owners' servers may try, one small function each.

A module for each way in; each attack does its worst until it is cancelled, and is begun anew when it ends."""
