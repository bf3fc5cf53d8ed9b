"""Indexes by which what may be sent is found without a look at all that waits.

SQLite took `outbox_delivered` for `delivered_at IS NULL`, which gave it all messages that wait, to be sorted,
instead of `outbox_due`, which gives the first ones in order. And `outbox_due` itself tells now which are for
busy hosts and orgs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PENDING = sa.text("delivered_at IS NULL AND abandoned_at IS NULL")


def upgrade() -> None:
    op.drop_index("outbox_due", "outbox")
    due = ["next_attempt_at", "host", "org_id"]
    op.create_index("outbox_due", "outbox", due, sqlite_where=PENDING, postgresql_where=PENDING)
    op.drop_index("outbox_delivered", "outbox")
    for name in ("delivered", "abandoned"):
        done = sa.text(f"{name}_at IS NOT NULL")
        op.create_index(f"outbox_{name}", "outbox", [f"{name}_at"], sqlite_where=done, postgresql_where=done)
