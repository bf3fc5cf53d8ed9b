"""The commands, one file per group.

`offhook --help` reads all of them, so these files import nothing heavy at their top: each command imports
what it needs when it runs.
"""
