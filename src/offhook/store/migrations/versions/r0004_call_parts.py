"""What the messages of a call repeat is kept once, beside them; so is what was said in a call that goes on.

Messages that wait from before are whole, and stay so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_parts",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("base", sa.Integer(), nullable=True),
        sa.Column("keep", sa.Integer(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("call_id", "number", name="call_parts_pkey"),
    )
    op.add_column("calls", sa.Column("messages_part", sa.Integer(), nullable=True))
    op.add_column("outbox", sa.Column("parts", sa.JSON(none_as_null=True), nullable=True))
