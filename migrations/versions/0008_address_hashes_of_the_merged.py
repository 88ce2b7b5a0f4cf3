"""the index on address hashes only for who was merged: for everybody it cost an import a fifth of PostgreSQL's time"""

from alembic import op
from sqlalchemy import text

revision = "0008"
down_revision = "0007"

MERGED = text("merged_into_id IS NOT NULL")


def upgrade() -> None:
    op.drop_index("ix_subscriber_address_hash", "subscriber")
    op.create_index(
        "ix_subscriber_merged_address_hash",
        "subscriber",
        ["address_hash"],
        sqlite_where=MERGED,
        postgresql_where=MERGED,
    )


def downgrade() -> None:
    op.drop_index("ix_subscriber_merged_address_hash", "subscriber")
    op.create_index("ix_subscriber_address_hash", "subscriber", ["address_hash"])
