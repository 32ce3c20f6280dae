# SPDX-License-Identifier: Apache-2.0
"""EIS, audit trail, grants, open procedures, jobs over the air."""

import sqlalchemy as sa
from alembic import op

revision = "smsr_1"
down_revision = None
branch_labels = ("smsr",)
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "counter",
        sa.Column("eid", sa.Text(), nullable=False),
        sa.Column("kvn", sa.Integer(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("eid", "kvn"),
    )
    op.create_table(
        "eis",
        sa.Column("eid", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("remaining_memory", sa.BigInteger(), nullable=False),
        sa.Column("audit_count", sa.BigInteger(), nullable=False),
        sa.Column("audit_head", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("eid"),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("eid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("room", sa.Integer(), nullable=False),
        sa.Column("opener", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "job_open", "job", ["eid"], sqlite_where=sa.text("outcome IS NULL"), postgresql_where=sa.text("outcome IS NULL")
    )
    op.create_table(
        "notification",
        sa.Column("eid", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("eid"),
    )
    op.create_table(
        "onc",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("mno_id", sa.Text(), nullable=False),
        sa.Column("profile_type", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_onc_mno_id", "onc", ["mno_id"])
    op.create_table(
        "open_procedure",
        sa.Column("eid", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("iccid", sa.Text(), nullable=True),
        sa.Column("deadline", sa.Float(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("eid"),
    )
    op.create_table(
        "plma",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("mno_id", sa.Text(), nullable=False),
        sa.Column("m2m_sp_id", sa.Text(), nullable=False),
        sa.Column("profile_type", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("ix_plma_mno_id", "plma", ["mno_id"])
    op.create_table(
        "audit",
        sa.Column("eid", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["eid"],
            ["eis.eid"],
        ),
        sa.PrimaryKeyConstraint("eid", "number"),
    )
    op.create_table(
        "eis_key",
        sa.Column("eid", sa.Text(), nullable=False),
        sa.Column("kvn", sa.Integer(), nullable=False),
        sa.Column("kid", sa.Integer(), nullable=False),
        sa.Column("type", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["eid"],
            ["eis.eid"],
        ),
        sa.PrimaryKeyConstraint("eid", "kvn", "kid", "type"),
    )
    op.create_table(
        "eis_profile",
        sa.Column("iccid", sa.Text(), nullable=False),
        sa.Column("eid", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["eid"],
            ["eis.eid"],
        ),
        sa.PrimaryKeyConstraint("iccid"),
    )
    op.create_index("ix_eis_profile_eid", "eis_profile", ["eid"])
    op.create_table(
        "job_step",
        sa.Column("job", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("bearer", sa.Text(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["job"],
            ["job.id"],
        ),
        sa.PrimaryKeyConstraint("job", "number"),
    )
