"""Messages whose bodies go once they need not be sent any more, and all messages of a call at once: to erase
them with it, and to forget what they say."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    passing: sa.Column[bool] = sa.Column("passing", sa.Boolean(), nullable=False, server_default=sa.false())
    op.add_column("outbox", passing)
    op.create_index("outbox_of_call", "outbox", ["call_id", "position"])
