"""the work that waits for people: since when it is theirs, when they looked, the daily digest; cases for portal users"""

import json
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = '0013'
down_revision = '0012'
branch_labels = None
depends_on = None

ASSIGNED = ('approval_task', 'customer_case', 'note')
# What a customer's first portal user got before there were cases, in the order of the list of permissions.
FORMER_PERMISSIONS = ('dashboard', 'contracts', 'invoices', 'bill downloads', 'payments', 'documents')
KEY = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    for table in ASSIGNED:
        op.add_column(table, sa.Column('assigned_at', sa.DateTime(timezone=True), nullable=True))
        op.execute(f'UPDATE {table} SET assigned_at = created_at WHERE assignee_id IS NOT NULL')
    op.add_column('outbox_message', sa.Column('failed_at', sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE outbox_message SET failed_at = created_at WHERE state = 'failed'")
    op.add_column('periodic_run', sa.Column('failed_since', sa.DateTime(timezone=True), nullable=True))
    op.execute('UPDATE periodic_run SET failed_since = finished_at WHERE NOT succeeded')
    op.add_column('hub_user', sa.Column('daily_digest', sa.Boolean(), server_default=sa.false(), nullable=False))
    create_partial_index('ix_outbox_message_failed', 'outbox_message', 'failed_at', "state = 'failed'")
    create_partial_index('ix_alert_review', 'alert', 'created_at', "closed_at IS NULL AND rule = 'review overdue'")
    op.create_table('work_visit',
    sa.Column('user_id', KEY, nullable=False),
    sa.Column('organisation_id', KEY, nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_on', sa.Date(), nullable=False),
    sa.Column('documents_until', sa.Date(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_work_visit_organisation_id')),
    sa.ForeignKeyConstraint(['user_id'], ['hub_user.id'], name=op.f('fk_work_visit_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', 'organisation_id', name=op.f('pk_work_visit'))
    )
    give_cases(op.get_bind())


def create_partial_index(name: str, table: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, ['organisation_id', column], postgresql_where=where, sqlite_where=where)


def give_cases(connection: sa.Connection) -> None:
    """The permission *cases* for portal users who were created with their customer before there was one, as those after
    them have it. Whose permissions were ever changed, or chosen by hand, keep what they have.
    """
    users = sa.table(
        'hub_user', sa.column('id', KEY), sa.column('organisation_id', KEY), sa.column('customer_id', KEY),
        sa.column('name', sa.String()), sa.column('portal_permissions', sa.JSON()), sa.column('version', sa.Integer()),
    )
    history = sa.table(
        'history', sa.column('organisation_id', KEY), sa.column('at', sa.DateTime(timezone=True)),
        sa.column('actor_name', sa.String()), sa.column('source', sa.String()), sa.column('action', sa.String()),
        sa.column('table_name', sa.String()), sa.column('row_id', KEY), sa.column('customer_id', KEY),
        sa.column('title', sa.String()), sa.column('changes', sa.JSON()),
    )
    rows = connection.execute(sa.text(
        "SELECT id, organisation_id, customer_id, name, CAST(portal_permissions AS TEXT) AS permissions FROM hub_user "
        "WHERE role = 'customer' AND made_with_customer AND NOT EXISTS (SELECT 1 FROM history WHERE "
        "table_name = 'hub_user' AND row_id = hub_user.id AND action <> 'created' "
        "AND CAST(changes AS TEXT) LIKE '%\"portal_permissions\"%')"
    )).all()
    given = [row for row in rows if sorted(json.loads(row.permissions)) == sorted(FORMER_PERMISSIONS)]
    if not given:
        return
    after = [*FORMER_PERMISSIONS, 'cases']
    connection.execute(
        sa.update(users).where(users.c.id == sa.bindparam('given_id')).values(
            portal_permissions=after, version=users.c.version + 1
        ),
        [{'given_id': row.id} for row in given],
    )
    change = {'portal_permissions': [', '.join(FORMER_PERMISSIONS), ', '.join(after)]}
    now = datetime.now(UTC)
    connection.execute(sa.insert(history), [
        {'organisation_id': row.organisation_id, 'at': now, 'actor_name': 'system', 'source': 'upgrade 0013',
         'action': 'changed', 'table_name': 'hub_user', 'row_id': row.id, 'customer_id': row.customer_id,
         'title': row.name, 'changes': change}
        for row in given
    ])


def downgrade() -> None:
    """Columns go by ALTER TABLE: making a table anew would take the search indexes with it. Who got the permission keeps
    it: the older version has it too.
    """
    op.drop_table('work_visit')
    op.drop_index('ix_alert_review', table_name='alert')
    op.drop_index('ix_outbox_message_failed', table_name='outbox_message')
    op.execute('ALTER TABLE hub_user DROP COLUMN daily_digest')
    op.execute('ALTER TABLE periodic_run DROP COLUMN failed_since')
    op.execute('ALTER TABLE outbox_message DROP COLUMN failed_at')
    for table in ASSIGNED:
        op.execute(f'ALTER TABLE {table} DROP COLUMN assigned_at')
