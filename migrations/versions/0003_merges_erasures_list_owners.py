"""merges, erasures, and lists with owners that can be archived"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    # Plain ALTERs: SQLite would make the table anew for a batch, and dropping the old one would take with it
    # whatever refers to it.
    op.add_column("list", sa.Column("owner", sa.Text(), server_default="", nullable=False))
    op.add_column("list", sa.Column("archived_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("subscriber", sa.Column("merged_into_id", KEY, nullable=True))
    op.create_index(
        "ix_subscriber_merged_into_id",
        "subscriber",
        ["merged_into_id"],
        sqlite_where=sa.text("merged_into_id IS NOT NULL"),
        postgresql_where=sa.text("merged_into_id IS NOT NULL"),
    )
    op.add_column("consent_event", sa.Column("merge_id", KEY, nullable=True))
    op.create_table(
        "merge",
        sa.Column("id", KEY, autoincrement=True, nullable=False),
        sa.Column("kept_id", KEY, nullable=False),
        sa.Column("other_id", KEY, nullable=False),
        sa.Column("changed", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["kept_id"], ["subscriber.id"], name=op.f("fk_merge_kept_id_subscriber"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["other_id"], ["subscriber.id"], name=op.f("fk_merge_other_id_subscriber"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merge")),
    )
    op.create_table(
        "erasure",
        sa.Column("public_id", sa.String(length=22), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("public_id", name=op.f("pk_erasure")),
    )
