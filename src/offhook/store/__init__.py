"""What is stored: resources, calls, keys, and messages that are still to be sent."""

from offhook.store.api_keys import key_hash
from offhook.store.call_rows import CallChange, CallRows, NewCall
from offhook.store.database import Database, Transaction
from offhook.store.ids import IdMaker
from offhook.store.migrate import upgrade
from offhook.store.nodes import is_beyond, name_of_process
from offhook.store.parts import Part, WrittenParts
from offhook.store.records import (
    Document,
    Duplicate,
    Key,
    NewMessage,
    OutboxRow,
    OutboxState,
    Record,
    StoreError,
    moment,
)
from offhook.store.repositories import Position, Repository

__all__ = [
    "CallChange",
    "CallRows",
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
    "Transaction",
    "WrittenParts",
    "is_beyond",
    "key_hash",
    "moment",
    "name_of_process",
    "upgrade",
]
