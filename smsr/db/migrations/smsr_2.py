# SPDX-License-Identifier: Apache-2.0
"""Which SM-DP has set a grant or a configuration. Nobody knows it of those that are there: they are the operators'."""

import sqlalchemy as sa
from alembic import op

revision = "smsr_2"
down_revision = "smsr_1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for table in ("plma", "onc"):
        op.add_column(table, sa.Column("smdp_id", sa.Text(), nullable=True))
