"""Numbers that were stored as they were written are found however they are written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from offhook.store.repositories import fold_user

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_numbers = sa.table("phone_numbers", sa.column("id", sa.Text()), sa.column("sip_user", sa.Text()))


def upgrade() -> None:
    connection = op.get_bind()
    rows = connection.execute(
        sa.select(_numbers.c.id, _numbers.c.sip_user).where(_numbers.c.sip_user.is_not(None))
    ).all()
    taken = {row.sip_user for row in rows}
    for row in rows:
        folded = fold_user(row.sip_user)
        # Of two that are one number, the one that is written so stays the one that is called.
        if folded not in taken:
            taken.add(folded)
            update = _numbers.update().where(_numbers.c.id == row.id)
            connection.execute(update.values(sip_user=folded))
