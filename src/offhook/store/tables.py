"""The tables. A resource is a JSON document beside the few columns that it is found by.

Times are whole milliseconds since the epoch: exact, and the same in SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    and_,
    false,
)

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_name)s_key",
    }
)

ID = Text()

orgs = Table(
    "orgs",
    metadata,
    Column("id", ID, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("document", JSON, nullable=False),
)


def _resource(name: str, *columns: Column[Any]) -> Table:
    """A table of an org's resources, listed newest first."""
    table = Table(
        name,
        metadata,
        Column("id", ID, primary_key=True),
        Column("org_id", ID, ForeignKey("orgs.id"), nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("updated_at", BigInteger, nullable=False),
        Column("document", JSON, nullable=False),
        *columns,
    )
    Index(f"{name}_newest", table.c.org_id, table.c.created_at, table.c.id)
    return table


phone_numbers = _resource(
    "phone_numbers",
    # The user part of sipUri, unescaped and case-folded: what an INVITE is routed by.
    Column("sip_user", Text, unique=True),
    Column("sip_host", Text),
    # The credential of the trunk that a telephone number comes over, and the number folded.
    Column("trunk_id", Text),
    Column("trunk_number", Text),
)
Index(
    "phone_numbers_trunk_number_key",
    phone_numbers.c.trunk_number,
    phone_numbers.c.trunk_id,
    unique=True,
)
assistants = _resource("assistants")
squads = _resource("squads")
tools = _resource("tools")
credentials = _resource("credentials")

calls = _resource(
    "calls",
    Column("status", String(20), nullable=False),
    # The place of the status in the life of a call, by which it only moves forward.
    Column("rank", SmallInteger, nullable=False),
    Column("ended_reason", Text),
    Column("phone_number_id", ID),
    Column("assistant_id", ID),
    # Which process holds the call; after a crash its unfinished calls are found by it.
    Column("node", Text),
    Column("ended_at", BigInteger),
    # Of a call that goes on: the part that holds what was said so far.
    Column("messages_part", Integer),
)
Index(
    "calls_unfinished",
    calls.c.node,
    sqlite_where=calls.c.ended_at.is_(None),
    postgresql_where=calls.c.ended_at.is_(None),
)

keys = Table(
    "keys",
    metadata,
    Column("id", ID, primary_key=True),
    Column("org_id", ID, ForeignKey("orgs.id"), nullable=False),
    # SHA-256 in hex. The key itself is kept nowhere.
    Column("hash", String(64), nullable=False, unique=True),
    Column("tag", String(10), nullable=False),
    Column("name", Text, nullable=False),
    Column("last", String(4), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
)
Index("keys_of_org", keys.c.org_id)

nodes = Table(
    "nodes",
    metadata,
    Column("name", Text, primary_key=True),
    # Grows while the node is there.
    Column("beat", BigInteger, nullable=False),
    Column("beaten_at", BigInteger, nullable=False),
)

call_parts = Table(
    "call_parts",
    metadata,
    Column("call_id", ID, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    # The part that this one goes on from, and how much of it stays.
    Column("base", Integer),
    Column("keep", Integer, nullable=False),
    Column("value", Text, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    # Grows with each message, so it is the order of the messages of a call. Never used twice.
    Column("position", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True),
    Column("id", ID, nullable=False, unique=True),
    Column("org_id", ID, nullable=False),
    Column("call_id", ID, nullable=False),
    Column("type", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("receiver", JSON, nullable=False),
    Column("body", Text, nullable=False),
    # Which parts of its call belong where in the body. NULL: the body is whole.
    Column("parts", JSON(none_as_null=True)),
    Column("created_at", BigInteger, nullable=False),
    # When the attempts began: at its creation, or anew when it was replayed.
    Column("queued_at", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", BigInteger, nullable=False),
    Column("leased_until", BigInteger),
    Column("lease_owner", Text),
    Column("delivered_at", BigInteger),
    Column("abandoned_at", BigInteger),
    Column("last_status", Integer),
    Column("last_error", Text),
    # Its body is emptied as soon as it is delivered or given up.
    Column("passing", Boolean, nullable=False, server_default=false()),
    sqlite_autoincrement=True,
)
pending = and_(outbox.c.delivered_at.is_(None), outbox.c.abandoned_at.is_(None))
"""Messages that are still to be delivered."""

# With host and org, so that what waits for busy ones is passed over without a look at the rows.
Index(
    "outbox_due",
    *(outbox.c.next_attempt_at, outbox.c.host, outbox.c.org_id),
    sqlite_where=pending,
    postgresql_where=pending,
)
Index("outbox_head", outbox.c.call_id, outbox.c.position, sqlite_where=pending, postgresql_where=pending)
Index("outbox_of_org", outbox.c.org_id, outbox.c.position)
Index("outbox_of_call", outbox.c.call_id, outbox.c.position)
for _done in (outbox.c.delivered_at, outbox.c.abandoned_at):
    Index(
        f"outbox_{_done.name.removesuffix('_at')}",
        _done,
        sqlite_where=_done.is_not(None),
        postgresql_where=_done.is_not(None),
    )
