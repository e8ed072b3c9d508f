"""Placements are of network functions: routers' gateways, and load balancers."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_RENAMED = {"objects": ("body",), "changes": ("before", "after")}


def upgrade() -> None:
    for table, columns in _RENAMED.items():
        for column in columns:
            renamed = f'replace("{column}", \'"router_id":\', \'"function_id":\')'
            op.execute(f"UPDATE {table} SET \"{column}\" = {renamed} WHERE kind = 'placement'")


def downgrade() -> None:
    raise NotImplementedError("polpo's databases only go forward; restore a backup instead")
