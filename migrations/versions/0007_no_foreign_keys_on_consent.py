"""consent events and subscriptions without foreign keys: their checks cost more than the rows (ADR 0020)"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # Nothing refers to these tables, so that SQLite may make them anew.
    for table in ("consent_event", "subscription"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_constraint(f"fk_{table}_subscriber_id_subscriber", type_="foreignkey")
            batch_op.drop_constraint(f"fk_{table}_list_id_list", type_="foreignkey")


def downgrade() -> None:
    for table in ("consent_event", "subscription"):
        with op.batch_alter_table(table) as batch_op:
            batch_op.create_foreign_key(f"fk_{table}_list_id_list", "list", ["list_id"], ["id"])
            batch_op.create_foreign_key(
                f"fk_{table}_subscriber_id_subscriber", "subscriber", ["subscriber_id"], ["id"], ondelete="CASCADE"
            )
