# SPDX-License-Identifier: Apache-2.0
"""Profiles, packages, key sets, messages that were taken."""

import sqlalchemy as sa
from alembic import op

revision = "smdp_1"
down_revision = None
branch_labels = ("smdp",)
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "key_set",
        sa.Column("eid", sa.Text(), nullable=False),
        sa.Column("isd_p", sa.Text(), nullable=False),
        sa.Column("kvn", sa.Integer(), nullable=False),
        sa.Column("kid", sa.Integer(), nullable=False),
        sa.Column("type", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("eid", "isd_p", "kvn", "kid"),
    )
    op.create_table(
        "package",
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("content"),
    )
    op.create_table(
        "seen",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "profile",
        sa.Column("iccid", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("mno_id", sa.Text(), nullable=False),
        sa.Column("type_key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["content"],
            ["package.content"],
        ),
        sa.PrimaryKeyConstraint("iccid"),
    )
    op.create_index("profile_of_type", "profile", ["type_key", "state", "iccid"])
