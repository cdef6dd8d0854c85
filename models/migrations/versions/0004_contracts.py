"""contracts and orders; reviews, reminders, attachments, runs of the schedule"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('mail_outage',
    sa.Column('server', sa.String(length=260), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tried_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('told', sa.String(length=500), nullable=False),
    sa.PrimaryKeyConstraint('server', name=op.f('pk_mail_outage'))
    )
    op.create_table('periodic_run',
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('succeeded', sa.Boolean(), nullable=True),
    sa.Column('told', sa.String(length=500), nullable=True),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_periodic_run'))
    )
    op.create_table('review',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('due_on', sa.Date(), nullable=True),
    sa.Column('done_on', sa.Date(), nullable=False),
    sa.Column('done_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('risk', sa.Enum('Low', 'Medium', 'High', name='risk', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['done_by_id'], ['hub_user.id'], name=op.f('fk_review_done_by_id')),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_review_customer_id', ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_review_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_review')),
    sa.UniqueConstraint('customer_id', 'due_on', name=op.f('uq_review_customer_id_due_on')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_review_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('review', schema=None) as batch_op:
        batch_op.create_index('ix_review_customer', ['customer_id'], unique=False)

    op.create_table('contract',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('number', sa.String(length=40), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('account_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('invoice_profile_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('business_entity_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('supplier', sa.String(length=200), nullable=True),
    sa.Column('value', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('business_risk', sa.Enum('Low', 'Medium', 'High', name='business_risk', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('contract_risk', sa.Enum('Low', 'Medium', 'High', name='contract_risk', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('connections', sa.Integer(), server_default='0', nullable=False),
    sa.Column('start_date', sa.Date(), nullable=False),
    sa.Column('end_date', sa.Date(), nullable=True),
    sa.Column('status', sa.Enum('Draft', 'Live', 'Passive', 'Ended', name='status', native_enum=False, create_constraint=True, length=40), server_default='Draft', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('connections >= 0', name=op.f('ck_contract_connections')),
    sa.CheckConstraint('end_date >= start_date', name=op.f('ck_contract_dates')),
    sa.CheckConstraint('length(name) > 0', name=op.f('ck_contract_name')),
    sa.CheckConstraint('value >= 0', name=op.f('ck_contract_value')),
    sa.ForeignKeyConstraint(['organisation_id', 'account_id'], ['account.organisation_id', 'account.id'], name='fk_contract_account_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'business_entity_id'], ['business_entity.organisation_id', 'business_entity.id'], name='fk_contract_business_entity_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_contract_customer_id', ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['organisation_id', 'invoice_profile_id'], ['invoice_profile.organisation_id', 'invoice_profile.id'], name='fk_contract_invoice_profile_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_contract_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contract')),
    sa.UniqueConstraint('account_id', name=op.f('uq_contract_account_id')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_contract_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'number', name=op.f('uq_contract_organisation_id_number')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('contract', schema=None) as batch_op:
        batch_op.create_index('ix_contract_customer', ['customer_id'], unique=False)
        batch_op.create_index('ix_contract_list', ['organisation_id', 'status', 'id'], unique=False)
        batch_op.create_index('ix_contract_profile', ['invoice_profile_id'], unique=False)

    op.create_table('outbox_attachment',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('message_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('file_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'file_id'], ['stored_file.organisation_id', 'stored_file.id'], name='fk_outbox_attachment_file_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'message_id'], ['outbox_message.organisation_id', 'outbox_message.id'], name='fk_outbox_attachment_message_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_outbox_attachment_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox_attachment')),
    sa.UniqueConstraint('message_id', 'file_id', name=op.f('uq_outbox_attachment_message_id_file_id')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_outbox_attachment_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('outbox_attachment', schema=None) as batch_op:
        batch_op.create_index('ix_outbox_attachment_file', ['file_id'], unique=False)

    op.create_table('reminder',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kind', sa.Enum('review', 'compliance', name='kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('document_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('due_on', sa.Date(), nullable=False),
    sa.Column('days_before', sa.Integer(), nullable=False),
    sa.Column('as_of', sa.Date(), nullable=False),
    sa.Column('message_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint("(kind = 'compliance') = (document_id > 0)", name=op.f('ck_reminder_document')),
    sa.CheckConstraint('days_before >= 0', name=op.f('ck_reminder_days_before')),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_reminder_customer_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id', 'message_id'], ['outbox_message.organisation_id', 'outbox_message.id'], name='fk_reminder_message_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_reminder_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_reminder')),
    sa.UniqueConstraint('customer_id', 'kind', 'document_id', 'due_on', 'days_before', name=op.f('uq_reminder_customer_id_kind_document_id_due_on_days_before')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_reminder_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('reminder', schema=None) as batch_op:
        batch_op.create_index('ix_reminder_message', ['message_id'], unique=False)

    op.create_table('customer_order',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('number', sa.String(length=40), nullable=False),
    sa.Column('description', sa.String(length=200), nullable=False),
    sa.Column('contract_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('connections', sa.Integer(), server_default='1', nullable=False),
    sa.Column('ordered_on', sa.Date(), nullable=False),
    sa.Column('wanted_on', sa.Date(), nullable=True),
    sa.Column('delivered_on', sa.Date(), nullable=True),
    sa.Column('status', sa.Enum('placed', 'in progress', 'delivered', 'cancelled', name='status', native_enum=False, create_constraint=True, length=40), server_default='placed', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint("(status = 'delivered') = (delivered_on IS NOT NULL)", name=op.f('ck_customer_order_delivered')),
    sa.CheckConstraint('connections > 0', name=op.f('ck_customer_order_connections')),
    sa.ForeignKeyConstraint(['organisation_id', 'contract_id'], ['contract.organisation_id', 'contract.id'], name='fk_customer_order_contract_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_customer_order_customer_id', ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_customer_order_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_order')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_customer_order_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'number', name=op.f('uq_customer_order_organisation_id_number')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('customer_order', schema=None) as batch_op:
        batch_op.create_index('ix_customer_order_contract', ['contract_id'], unique=False)
        batch_op.create_index('ix_customer_order_customer', ['customer_id'], unique=False)
        batch_op.create_index('ix_customer_order_list', ['organisation_id', 'status', 'id'], unique=False)

    op.add_column('customer', sa.Column('portal_invited_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('hub_user', sa.Column('link_until', sa.DateTime(timezone=True), nullable=True))
    op.add_column('hub_user', sa.Column('made_with_customer', sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column('organisation', sa.Column('reminders_active', sa.Boolean(), server_default=sa.true(), nullable=False))
    # With its check in one statement, so that SQLite need not copy the table.
    op.execute(
        "ALTER TABLE organisation ADD COLUMN review_grace_days INTEGER DEFAULT '14' NOT NULL "
        "CONSTRAINT ck_organisation_review_grace_days CHECK (review_grace_days BETWEEN 0 AND 365)"
    )
    op.add_column('outbox_message', sa.Column('why', sa.String(length=300), nullable=True))
    op.add_column('outbox_message', sa.Column('answer', sa.String(length=500), nullable=True))
    op.add_column('outbox_message', sa.Column('report_on', sa.Date(), nullable=True))
    op.add_column('outbox_message', sa.Column('claimed_until', sa.DateTime(timezone=True), nullable=True))
    allow('outbox_message', 'state', 'waiting', 'sent', 'held', 'failed', 'cancelled')
    allow('list_export', 'format', 'csv', 'xlsx', 'pdf')
    mark_invited()


def mark_invited() -> None:
    """Customers that have a portal user need no first one."""
    op.execute(
        "UPDATE customer SET portal_invited_at = (SELECT min(created_at) FROM hub_user "
        "WHERE hub_user.customer_id = customer.id) "
        "WHERE id IN (SELECT customer_id FROM hub_user WHERE customer_id IS NOT NULL)"
    )


def allow(table: str, column: str, *values: str) -> None:
    """The values that a column may have, which a check of its name holds."""
    name, check = f"ck_{table}_{column}", f"{column} IN ({', '.join(repr(value) for value in values)})"
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint(name, table)
        op.create_check_constraint(op.f(name), table, check)
        return
    old = sa.Table(table, sa.MetaData(), autoload_with=op.get_bind())
    for constraint in list(old.constraints):
        if isinstance(constraint, sa.CheckConstraint) and constraint.name == name:
            old.constraints.remove(constraint)
    old.append_constraint(sa.CheckConstraint(check, name=name))
    with op.batch_alter_table(table, recreate='always', copy_from=old, table_kwargs={'sqlite_autoincrement': True}):
        pass


def downgrade() -> None:
    op.execute("UPDATE outbox_message SET state = 'failed', last_error = 'Cancelled' WHERE state = 'cancelled'")
    allow('outbox_message', 'state', 'waiting', 'sent', 'held', 'failed')
    op.execute("DELETE FROM list_export WHERE format = 'pdf'")
    allow('list_export', 'format', 'csv', 'xlsx')
    for column in ('claimed_until', 'report_on', 'answer', 'why'):
        op.execute(f'ALTER TABLE outbox_message DROP COLUMN {column}')
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table('organisation') as batch_op:
            batch_op.drop_constraint(op.f('ck_organisation_review_grace_days'), type_='check')
    op.execute('ALTER TABLE organisation DROP COLUMN review_grace_days')
    op.execute('ALTER TABLE organisation DROP COLUMN reminders_active')
    for column in ('made_with_customer', 'link_until'):
        op.execute(f'ALTER TABLE hub_user DROP COLUMN {column}')
    op.execute('ALTER TABLE customer DROP COLUMN portal_invited_at')

    with op.batch_alter_table('customer_order', schema=None) as batch_op:
        batch_op.drop_index('ix_customer_order_list')
        batch_op.drop_index('ix_customer_order_customer')
        batch_op.drop_index('ix_customer_order_contract')

    op.drop_table('customer_order')
    with op.batch_alter_table('reminder', schema=None) as batch_op:
        batch_op.drop_index('ix_reminder_message')

    op.drop_table('reminder')
    with op.batch_alter_table('outbox_attachment', schema=None) as batch_op:
        batch_op.drop_index('ix_outbox_attachment_file')

    op.drop_table('outbox_attachment')
    with op.batch_alter_table('contract', schema=None) as batch_op:
        batch_op.drop_index('ix_contract_profile')
        batch_op.drop_index('ix_contract_list')
        batch_op.drop_index('ix_contract_customer')

    op.drop_table('contract')
    with op.batch_alter_table('review', schema=None) as batch_op:
        batch_op.drop_index('ix_review_customer')

    op.drop_table('review')
    op.drop_table('mail_outage')
    op.drop_table('periodic_run')
