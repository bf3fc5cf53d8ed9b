"""Telephone numbers are found by their trunk and their digits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("phone_numbers", sa.Column("trunk_id", sa.Text()))
    op.add_column("phone_numbers", sa.Column("trunk_number", sa.Text()))
    op.create_index(
        "phone_numbers_trunk_number_key", "phone_numbers", ["trunk_number", "trunk_id"], unique=True
    )
