"""What must not be forgotten: resources, calls, keys, and messages on their way."""

from .calls import CallChange, Calls, NewCall
from .database import Database, Transaction
from .ids import IdMaker
from .keys import key_hash
from .migrate import upgrade
from .nodes import is_beyond, name_of_process
from .parts import Part, Told
from .records import Document, Duplicate, Key, NewMessage, OutboxRow, OutboxState, Record, StoreError, moment
from .repositories import Position, Repository

__all__ = [
    "CallChange",
    "Calls",
    "Database",
    "Document",
    "Duplicate",
    "IdMaker",
    "Key",
    "NewCall",
    "NewMessage",
    "OutboxRow",
    "OutboxState",
    "Part",
    "Position",
    "Record",
    "Repository",
    "StoreError",
    "Told",
    "Transaction",
    "is_beyond",
    "key_hash",
    "moment",
    "name_of_process",
    "upgrade",
]
