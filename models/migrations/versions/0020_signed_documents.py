"""archives of documents among the exports; what is kept of a document's deleted events and attention"""

import sqlalchemy as sa
from alembic import op

revision = '0020'
down_revision = '0019'
branch_labels = None
depends_on = None


def upgrade() -> None:
    allow('csv', 'xlsx', 'pdf', 'zip')
    op.add_column('envelope', sa.Column('events_deleted_until', sa.DateTime(timezone=True), nullable=True))
    op.add_column('envelope', sa.Column('settled_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """The older version knows no archives: those of before are dropped."""
    for column in ('settled_at', 'events_deleted_until'):
        op.execute(f'ALTER TABLE envelope DROP COLUMN {column}')
    op.execute("DELETE FROM list_export WHERE format = 'zip'")
    allow('csv', 'xlsx', 'pdf')


def allow(*formats: str) -> None:
    """The formats that an export may have, which a check holds."""
    name, check = 'ck_list_export_format', f"format IN ({', '.join(repr(each) for each in formats)})"
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(name, 'list_export')
        op.create_check_constraint(op.f(name), 'list_export', check)
        return
    old = sa.Table('list_export', sa.MetaData(), autoload_with=op.get_bind())
    for constraint in list(old.constraints):
        if isinstance(constraint, sa.CheckConstraint) and constraint.name == name:
            old.constraints.remove(constraint)
    old.append_constraint(sa.CheckConstraint(check, name=name))
    with op.batch_alter_table(
        'list_export', recreate='always', copy_from=old, table_kwargs={'sqlite_autoincrement': True}
    ):
        pass
