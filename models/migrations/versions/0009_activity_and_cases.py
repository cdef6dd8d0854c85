"""notes, attachments and cases of customers; the name on correspondence; who gets mails of colleagues"""

import sqlalchemy as sa
from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('customer_case',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('number', sa.String(length=40), nullable=False),
    sa.Column('subject', sa.String(length=200), nullable=False),
    sa.Column('status', sa.Enum('open', 'in progress', 'waiting', 'closed', name='status', native_enum=False, create_constraint=True, length=40), server_default='open', nullable=False),
    sa.Column('assignee_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('requester_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('replied_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint("(status = 'closed') = (closed_at IS NOT NULL)", name=op.f('ck_customer_case_closed')),
    sa.CheckConstraint('length(subject) > 0', name=op.f('ck_customer_case_subject')),
    sa.ForeignKeyConstraint(['organisation_id', 'assignee_id'], ['hub_user.organisation_id', 'hub_user.id'], name='fk_customer_case_assignee_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_customer_case_customer_id', ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_customer_case_organisation_id')),
    sa.ForeignKeyConstraint(['requester_id'], ['hub_user.id'], name=op.f('fk_customer_case_requester_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_case')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_customer_case_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'number', name=op.f('uq_customer_case_organisation_id_number')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('customer_case', schema=None) as batch_op:
        batch_op.create_index('ix_customer_case_assignee', ['organisation_id', 'assignee_id', 'status', 'id'], unique=False)
        batch_op.create_index('ix_customer_case_customer', ['customer_id'], unique=False)
        batch_op.create_index('ix_customer_case_list', ['organisation_id', 'status', 'id'], unique=False)

    op.create_table('note',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('author_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('follow_up_on', sa.Date(), nullable=True),
    sa.Column('assignee_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('follow_up_on IS NOT NULL OR (assignee_id IS NULL AND done_at IS NULL)', name=op.f('ck_note_follow_up')),
    sa.CheckConstraint('length(text) > 0', name=op.f('ck_note_text')),
    sa.ForeignKeyConstraint(['assignee_id'], ['hub_user.id'], name=op.f('fk_note_assignee_id')),
    sa.ForeignKeyConstraint(['author_id'], ['hub_user.id'], name=op.f('fk_note_author_id')),
    sa.ForeignKeyConstraint(['done_by_id'], ['hub_user.id'], name=op.f('fk_note_done_by_id')),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_note_customer_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_note_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_note')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_note_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('note', schema=None) as batch_op:
        batch_op.create_index('ix_note_customer', ['customer_id'], unique=False)
        batch_op.create_index('ix_note_follow_up', ['organisation_id', 'assignee_id', 'follow_up_on'], unique=False, postgresql_where=sa.text('follow_up_on IS NOT NULL AND done_at IS NULL'), sqlite_where=sa.text('follow_up_on IS NOT NULL AND done_at IS NULL'))

    op.create_table('case_note',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('case_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('is_visible', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('length(text) > 0', name=op.f('ck_case_note_text')),
    sa.ForeignKeyConstraint(['organisation_id', 'case_id'], ['customer_case.organisation_id', 'customer_case.id'], name='fk_case_note_case_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_case_note_organisation_id')),
    sa.ForeignKeyConstraint(['user_id'], ['hub_user.id'], name=op.f('fk_case_note_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_case_note')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_case_note_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('case_note', schema=None) as batch_op:
        batch_op.create_index('ix_case_note_case', ['case_id', 'id'], unique=False)

    op.create_table('note_mention',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('note_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'note_id'], ['note.organisation_id', 'note.id'], name='fk_note_mention_note_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_note_mention_organisation_id')),
    sa.ForeignKeyConstraint(['organisation_id', 'user_id'], ['hub_user.organisation_id', 'hub_user.id'], name='fk_note_mention_user_id', ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_note_mention')),
    sa.UniqueConstraint('note_id', 'user_id', name=op.f('uq_note_mention_note_id_user_id')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_note_mention_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('note_mention', schema=None) as batch_op:
        batch_op.create_index('ix_note_mention_unseen', ['user_id', 'organisation_id', 'id'], unique=False, postgresql_where=sa.text('seen_at IS NULL'), sqlite_where=sa.text('seen_at IS NULL'))

    op.create_table('attachment',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('contract_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('file_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('description', sa.String(length=500), nullable=True),
    sa.Column('uploaded_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('length(name) > 0', name=op.f('ck_attachment_name')),
    sa.ForeignKeyConstraint(['organisation_id', 'contract_id'], ['contract.organisation_id', 'contract.id'], name='fk_attachment_contract_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_attachment_customer_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id', 'file_id'], ['stored_file.organisation_id', 'stored_file.id'], name='fk_attachment_file_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_attachment_organisation_id')),
    sa.ForeignKeyConstraint(['uploaded_by_id'], ['hub_user.id'], name=op.f('fk_attachment_uploaded_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attachment')),
    sa.UniqueConstraint('file_id', name=op.f('uq_attachment_file_id')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_attachment_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('attachment', schema=None) as batch_op:
        batch_op.create_index('ix_attachment_contract', ['contract_id'], unique=False)
        batch_op.create_index('ix_attachment_customer', ['customer_id'], unique=False)

    op.add_column('customer', sa.Column('correspondence_name', sa.String(length=200), nullable=True))
    op.add_column('hub_user', sa.Column('notify_by_email', sa.Boolean(), server_default=sa.true(), nullable=False))


def downgrade() -> None:
    """Columns go by ALTER TABLE: making the table anew would take the search index of customers with it."""
    op.execute('ALTER TABLE hub_user DROP COLUMN notify_by_email')
    op.execute('ALTER TABLE customer DROP COLUMN correspondence_name')
    for table in ('attachment', 'note_mention', 'case_note', 'note', 'customer_case'):
        op.drop_table(table)
