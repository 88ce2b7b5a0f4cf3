"""pictures as they are shown: their size, and beside them the same file attached"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    with op.batch_alter_table("mailing_media", schema=None) as batch_op:
        batch_op.add_column(sa.Column("width", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("height", sa.Integer(), nullable=False, server_default="0"))
        batch_op.drop_constraint("pk_mailing_media", type_="primary")
        batch_op.create_primary_key("pk_mailing_media", ["mailing_id", "filename", "attached"])
    with op.batch_alter_table("mailing_media", schema=None) as batch_op:
        batch_op.alter_column("width", server_default=None)
        batch_op.alter_column("height", server_default=None)
    op.execute(
        "INSERT INTO mailing_media (mailing_id, filename, attached, media_hash, width, height) "
        "SELECT mailing_id, filename, false, media_hash, 0, 0 FROM mailing_media "
        "JOIN media ON media.hash = media_hash WHERE attached "
        "AND content_type IN ('image/png', 'image/jpeg', 'image/gif')"
    )


def downgrade() -> None:
    op.execute(
        "DELETE FROM mailing_media WHERE NOT attached AND EXISTS (SELECT 1 FROM mailing_media AS other WHERE "
        "other.mailing_id = mailing_media.mailing_id AND other.filename = mailing_media.filename AND other.attached)"
    )
    with op.batch_alter_table("mailing_media", schema=None) as batch_op:
        batch_op.drop_constraint("pk_mailing_media", type_="primary")
        batch_op.create_primary_key("pk_mailing_media", ["mailing_id", "filename"])
        batch_op.drop_column("height")
        batch_op.drop_column("width")
