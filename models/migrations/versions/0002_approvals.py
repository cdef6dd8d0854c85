"""approvals: tasks, blacklist, alerts, merged customers"""

import sqlalchemy as sa
from alembic import op

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('alert',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('type_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('rule', sa.Enum('credit limit passed', 'document expired', 'review overdue', 'blacklisted', name='rule', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('severity', sa.Enum('info', 'warning', 'critical', name='severity', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('text', sa.String(length=500), nullable=False),
    sa.Column('valid_until', sa.Date(), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_alert_customer_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id', 'type_id'], ['catalog_item.organisation_id', 'catalog_item.id'], name='fk_alert_type_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_alert_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_alert')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_alert_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.create_index('ix_alert_customer', ['customer_id', 'closed_at'], unique=False)
        batch_op.create_index('ix_alert_open', ['organisation_id', 'closed_at', 'severity', 'id'], unique=False)
        batch_op.create_index('uq_alert_rule', ['customer_id', 'rule'], unique=True, postgresql_where=sa.text('closed_at IS NULL AND rule IS NOT NULL'), sqlite_where=sa.text('closed_at IS NULL AND rule IS NOT NULL'))

    op.create_table('approval_task',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kind', sa.Enum('onboarding', 're-check', 'particulars update', 'blacklist', 'blacklist removal', name='kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('subject', sa.String(length=200), nullable=False),
    sa.Column('requester_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('assignee_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('state', sa.Enum('open', 'approved', 'declined', 'withdrawn', name='state', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('due_on', sa.Date(), nullable=True),
    sa.Column('proposal', sa.JSON(), nullable=False),
    sa.Column('waits_for_requester', sa.Boolean(), nullable=False),
    sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decided_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint("(state = 'open') = (decided_at IS NULL)", name=op.f('ck_approval_task_decided')),
    sa.CheckConstraint("customer_id IS NOT NULL OR kind IN ('blacklist', 'blacklist removal')", name=op.f('ck_approval_task_customer')),
    sa.ForeignKeyConstraint(['assignee_id'], ['hub_user.id'], name=op.f('fk_approval_task_assignee_id')),
    sa.ForeignKeyConstraint(['decided_by_id'], ['hub_user.id'], name=op.f('fk_approval_task_decided_by_id')),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_approval_task_customer_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_approval_task_organisation_id')),
    sa.ForeignKeyConstraint(['requester_id'], ['hub_user.id'], name=op.f('fk_approval_task_requester_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_approval_task')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_approval_task_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('approval_task', schema=None) as batch_op:
        batch_op.create_index('ix_approval_task_assignee', ['organisation_id', 'assignee_id', 'state', 'due_on', 'id'], unique=False)
        batch_op.create_index('ix_approval_task_customer', ['customer_id', 'id'], unique=False)
        batch_op.create_index('ix_approval_task_queue', ['organisation_id', 'state', 'due_on', 'id'], unique=False)
        batch_op.create_index('ix_approval_task_requester', ['requester_id', 'id'], unique=False)
        batch_op.create_index('uq_approval_task_open', ['customer_id', 'kind'], unique=True, postgresql_where=sa.text("state = 'open'"), sqlite_where=sa.text("state = 'open'"))

    op.create_table('blacklist_entry',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('identity_number', sa.String(length=40), nullable=True),
    sa.Column('registration_number', sa.String(length=40), nullable=True),
    sa.Column('identity_key', sa.String(length=80), nullable=True),
    sa.Column('registration_key', sa.String(length=80), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('valid_until', sa.Date(), nullable=True),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('removal_reason', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('customer_id IS NOT NULL OR identity_key IS NOT NULL OR registration_key IS NOT NULL', name=op.f('ck_blacklist_entry_who')),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_blacklist_entry_customer_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_blacklist_entry_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_blacklist_entry')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_blacklist_entry_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('blacklist_entry', schema=None) as batch_op:
        batch_op.create_index('ix_blacklist_entry_customer', ['customer_id'], unique=False)
        batch_op.create_index('ix_blacklist_entry_identity', ['organisation_id', 'identity_key'], unique=False)
        batch_op.create_index('ix_blacklist_entry_registration', ['organisation_id', 'registration_key'], unique=False)

    op.create_table('merged_customer',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('old_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('into_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('account_number', sa.String(length=40), nullable=False),
    sa.Column('reference', sa.String(length=40), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'into_id'], ['customer.organisation_id', 'customer.id'], name='fk_merged_customer_into_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_merged_customer_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_merged_customer')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_merged_customer_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'old_id', name=op.f('uq_merged_customer_organisation_id_old_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('merged_customer', schema=None) as batch_op:
        batch_op.create_index('ix_merged_customer_into', ['into_id'], unique=False)

    op.create_table('task_comment',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('task_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'task_id'], ['approval_task.organisation_id', 'approval_task.id'], name='fk_task_comment_task_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_task_comment_organisation_id')),
    sa.ForeignKeyConstraint(['user_id'], ['hub_user.id'], name=op.f('fk_task_comment_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task_comment')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_task_comment_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('task_comment', schema=None) as batch_op:
        batch_op.create_index('ix_task_comment_task', ['task_id', 'id'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('task_comment', schema=None) as batch_op:
        batch_op.drop_index('ix_task_comment_task')

    op.drop_table('task_comment')
    with op.batch_alter_table('merged_customer', schema=None) as batch_op:
        batch_op.drop_index('ix_merged_customer_into')

    op.drop_table('merged_customer')
    with op.batch_alter_table('blacklist_entry', schema=None) as batch_op:
        batch_op.drop_index('ix_blacklist_entry_registration')
        batch_op.drop_index('ix_blacklist_entry_identity')
        batch_op.drop_index('ix_blacklist_entry_customer')

    op.drop_table('blacklist_entry')
    with op.batch_alter_table('approval_task', schema=None) as batch_op:
        batch_op.drop_index('uq_approval_task_open', postgresql_where=sa.text("state = 'open'"), sqlite_where=sa.text("state = 'open'"))
        batch_op.drop_index('ix_approval_task_requester')
        batch_op.drop_index('ix_approval_task_queue')
        batch_op.drop_index('ix_approval_task_customer')
        batch_op.drop_index('ix_approval_task_assignee')

    op.drop_table('approval_task')
    with op.batch_alter_table('alert', schema=None) as batch_op:
        batch_op.drop_index('uq_alert_rule', postgresql_where=sa.text('closed_at IS NULL AND rule IS NOT NULL'), sqlite_where=sa.text('closed_at IS NULL AND rule IS NOT NULL'))
        batch_op.drop_index('ix_alert_open')
        batch_op.drop_index('ix_alert_customer')

    op.drop_table('alert')
