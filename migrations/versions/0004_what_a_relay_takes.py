"""the size that a relay takes is remembered; its rate is a setting"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("relay", sa.Column("size_limit", sa.BigInteger(), nullable=True))
    op.drop_column("relay", "max_per_second")


def downgrade() -> None:
    op.add_column("relay", sa.Column("max_per_second", sa.Double(), nullable=True))
    op.drop_column("relay", "size_limit")
