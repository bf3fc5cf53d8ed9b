"""What must not be forgotten: resources, calls, keys, and messages on their way."""

from .calls import CallChange, Calls, NewCall
from .database import Database, Transaction
from .ids import IdMaker
from .keys import Keys, key_hash
from .migrate import upgrade
from .outbox import OutboxRows
from .parts import Part, Told
from .records import (
    Document,
    Duplicate,
    Key,
    KeyTag,
    NewMessage,
    OutboxRow,
    OutboxState,
    Record,
    StoreError,
    moment,
)
from .repositories import Orgs, PhoneNumbers, Position, Repository, SortOrder

__all__ = [
    "CallChange",
    "Calls",
    "Database",
    "Document",
    "Duplicate",
    "IdMaker",
    "Key",
    "KeyTag",
    "Keys",
    "NewCall",
    "NewMessage",
    "Orgs",
    "OutboxRow",
    "OutboxRows",
    "OutboxState",
    "Part",
    "PhoneNumbers",
    "Position",
    "Record",
    "Repository",
    "SortOrder",
    "StoreError",
    "Told",
    "Transaction",
    "key_hash",
    "moment",
    "upgrade",
]
