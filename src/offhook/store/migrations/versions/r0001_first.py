"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

PENDING = sa.text("delivered_at IS NULL AND abandoned_at IS NULL")
RUNNING = sa.text("ended_at IS NULL")


def _text(name: str, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _time(name: str, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _orgs() -> None:
    op.create_table(
        "orgs",
        _text("id"),
        _time("created_at"),
        _time("updated_at"),
        sa.Column("document", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="orgs_pkey"),
    )


def _resource(name: str, *more: sa.Column[Any] | sa.UniqueConstraint) -> None:
    op.create_table(
        name,
        _text("id"),
        _text("org_id"),
        _time("created_at"),
        _time("updated_at"),
        sa.Column("document", sa.JSON(), nullable=False),
        *more,
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name=f"{name}_org_id_fkey"),
        sa.PrimaryKeyConstraint("id", name=f"{name}_pkey"),
    )
    op.create_index(f"{name}_newest", name, ["org_id", "created_at", "id"])


def _keys() -> None:
    op.create_table(
        "keys",
        _text("id"),
        _text("org_id"),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("tag", sa.String(10), nullable=False),
        _text("name"),
        sa.Column("last", sa.String(4), nullable=False),
        _time("created_at"),
        _time("revoked_at", nullable=True),
        sa.ForeignKeyConstraint(["org_id"], ["orgs.id"], name="keys_org_id_fkey"),
        sa.PrimaryKeyConstraint("id", name="keys_pkey"),
        sa.UniqueConstraint("hash", name="keys_hash_key"),
    )
    op.create_index("keys_of_org", "keys", ["org_id"])


def _outbox() -> None:
    position = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "outbox",
        sa.Column("position", position, autoincrement=True, nullable=False),
        *(_text(name) for name in ("id", "org_id", "call_id", "type", "host")),
        sa.Column("receiver", sa.JSON(), nullable=False),
        _text("body"),
        _time("created_at"),
        _time("queued_at"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _time("next_attempt_at"),
        _time("leased_until", nullable=True),
        _text("lease_owner", nullable=True),
        _time("delivered_at", nullable=True),
        _time("abandoned_at", nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        _text("last_error", nullable=True),
        sa.PrimaryKeyConstraint("position", name="outbox_pkey"),
        sa.UniqueConstraint("id", name="outbox_id_key"),
        sqlite_autoincrement=True,
    )
    for name, columns in (("outbox_due", ["next_attempt_at"]), ("outbox_head", ["call_id", "position"])):
        op.create_index(name, "outbox", columns, sqlite_where=PENDING, postgresql_where=PENDING)
    op.create_index("outbox_of_org", "outbox", ["org_id", "position"])
    op.create_index("outbox_delivered", "outbox", ["delivered_at"])


def upgrade() -> None:
    _orgs()
    _resource(
        "phone_numbers",
        _text("sip_user", nullable=True),
        _text("sip_host", nullable=True),
        sa.UniqueConstraint("sip_user", name="phone_numbers_sip_user_key"),
    )
    for name in ("assistants", "squads", "tools", "credentials"):
        _resource(name)
    _resource(
        "calls",
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        _text("ended_reason", nullable=True),
        _text("phone_number_id", nullable=True),
        _text("assistant_id", nullable=True),
        _text("node", nullable=True),
        _time("ended_at", nullable=True),
    )
    op.create_index("calls_unfinished", "calls", ["node"], sqlite_where=RUNNING, postgresql_where=RUNNING)
    _keys()
    _outbox()
