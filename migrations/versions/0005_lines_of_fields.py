"""the lines of fields in an author's files, and the files that nothing uses"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lines", JSON, nullable=False, server_default="{}"))
    with op.batch_alter_table("mailing", schema=None) as batch_op:
        batch_op.add_column(sa.Column("lines", JSON, nullable=False, server_default="{}"))
        batch_op.add_column(sa.Column("unused", JSON, nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("mailing", schema=None) as batch_op:
        batch_op.drop_column("unused")
        batch_op.drop_column("lines")
    with op.batch_alter_table("draft", schema=None) as batch_op:
        batch_op.drop_column("lines")
