"""document signatures"""

import sqlalchemy as sa
from alembic import op

revision = '0018'
down_revision = '0017'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('signing_key',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('secret', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_signing_key_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_signing_key')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_signing_key_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name', name=op.f('uq_signing_key_organisation_id_name')),
    sqlite_autoincrement=True
    )
    op.create_table('signing_settings',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('environment', sa.Enum('sandbox', 'DocuSign demo', 'DocuSign', name='environment', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('integration_key', sa.String(length=60), nullable=True),
    sa.Column('api_user_id', sa.String(length=60), nullable=True),
    sa.Column('account_id', sa.String(length=60), nullable=True),
    sa.Column('private_key', sa.Text(), nullable=True),
    sa.Column('base_url', sa.String(length=300), nullable=True),
    sa.Column('reminder_days', sa.Integer(), server_default='3', nullable=False),
    sa.Column('expiry_days', sa.Integer(), server_default='30', nullable=False),
    sa.Column('changes_read_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('expiry_days BETWEEN 1 AND 365', name=op.f('ck_signing_settings_expiry_days')),
    sa.CheckConstraint('reminder_days BETWEEN 0 AND 365', name=op.f('ck_signing_settings_reminder_days')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_signing_settings_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_signing_settings')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_signing_settings_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', name=op.f('uq_signing_settings_organisation_id')),
    sqlite_autoincrement=True
    )
    op.create_table('envelope',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('invoice_profile_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('transaction_id', sa.String(length=36), nullable=False),
    sa.Column('remote_id', sa.String(length=60), nullable=True),
    sa.Column('account_id', sa.String(length=60), nullable=True),
    sa.Column('status', sa.Enum('created', 'sent', 'delivered', 'completed', 'declined', 'voided', 'expired', name='status', native_enum=False, create_constraint=True, length=40), server_default='created', nullable=False),
    sa.Column('is_current', sa.Boolean(), nullable=False),
    sa.Column('requested_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('organisation_anchor', sa.String(length=40), nullable=False),
    sa.Column('client_anchor', sa.String(length=40), nullable=False),
    sa.Column('status_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('end_reason', sa.String(length=500), nullable=True),
    sa.Column('sent_on', sa.Date(), nullable=True),
    sa.Column('expires_on', sa.Date(), nullable=True),
    sa.Column('reminded_on', sa.Date(), nullable=True),
    sa.Column('checked_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('drift', sa.String(length=300), nullable=True),
    sa.Column('document_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('signed_file_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('certificate_file_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('signature_check', sa.String(length=500), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint("remote_id IS NOT NULL OR status IN ('created', 'voided', 'expired')", name=op.f('ck_envelope_remote_id')),
    sa.ForeignKeyConstraint(['organisation_id', 'certificate_file_id'], ['stored_file.organisation_id', 'stored_file.id'], name='fk_envelope_certificate_file_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_envelope_customer_id', ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['organisation_id', 'document_id'], ['stored_file.organisation_id', 'stored_file.id'], name='fk_envelope_document_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'invoice_profile_id'], ['invoice_profile.organisation_id', 'invoice_profile.id'], name='fk_envelope_invoice_profile_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'signed_file_id'], ['stored_file.organisation_id', 'stored_file.id'], name='fk_envelope_signed_file_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_envelope_organisation_id')),
    sa.ForeignKeyConstraint(['requested_by_id'], ['hub_user.id'], name=op.f('fk_envelope_requested_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_envelope')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_envelope_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'remote_id', name=op.f('uq_envelope_organisation_id_remote_id')),
    sa.UniqueConstraint('transaction_id', name=op.f('uq_envelope_transaction_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('envelope', schema=None) as batch_op:
        batch_op.create_index('ix_envelope_customer', ['customer_id'], unique=False)
        batch_op.create_index('ix_envelope_open', ['organisation_id', 'checked_at'], unique=False, postgresql_where=sa.text("status IN ('sent', 'delivered')"), sqlite_where=sa.text("status IN ('sent', 'delivered')"))
        batch_op.create_index('ix_envelope_profile', ['invoice_profile_id'], unique=False)
        batch_op.create_index('ix_envelope_unsigned', ['organisation_id', 'ended_at'], unique=False, postgresql_where=sa.text("status IN ('declined', 'expired')"), sqlite_where=sa.text("status IN ('declined', 'expired')"))
        batch_op.create_index('uq_envelope_invoice_profile_id', ['invoice_profile_id'], unique=True, postgresql_where=sa.text('is_current'), sqlite_where=sa.text('is_current'))

    op.create_table('envelope_signer',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('envelope_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('role', sa.Enum('organisation', 'client', 'organisation and client', name='role', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('status', sa.Enum('created', 'sent', 'seen', 'signed', 'declined', 'undeliverable', name='status', native_enum=False, create_constraint=True, length=40), server_default='created', nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('delivered_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('signed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('declined_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('decline_reason', sa.String(length=500), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'envelope_id'], ['envelope.organisation_id', 'envelope.id'], name='fk_envelope_signer_envelope_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_envelope_signer_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_envelope_signer')),
    sa.UniqueConstraint('envelope_id', 'position', name=op.f('uq_envelope_signer_envelope_id_position')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_envelope_signer_organisation_id_id')),
    sqlite_autoincrement=True
    )
    op.create_table('signing_event',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('envelope_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('remote_id', sa.String(length=60), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('occurred_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('digest', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'envelope_id'], ['envelope.organisation_id', 'envelope.id'], name='fk_signing_event_envelope_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_signing_event_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_signing_event')),
    sa.UniqueConstraint('organisation_id', 'digest', name=op.f('uq_signing_event_organisation_id_digest')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_signing_event_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('signing_event', schema=None) as batch_op:
        batch_op.create_index('ix_signing_event_envelope', ['envelope_id'], unique=False)

    op.create_table('signing_request',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('envelope_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kind', sa.Enum('send', 'check', 'resend', 'correct address', 'void', 'fetch documents', name='kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('details', sa.JSON(), nullable=False),
    sa.Column('state', sa.Enum('waiting', 'working', 'done', 'failed', 'cancelled', name='state', native_enum=False, create_constraint=True, length=40), server_default='waiting', nullable=False),
    sa.Column('attempts', sa.Integer(), server_default='0', nullable=False),
    sa.Column('next_attempt_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('claimed_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('claim_number', sa.Integer(), server_default='0', nullable=False),
    sa.Column('last_error', sa.String(length=500), nullable=True),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('requested_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'envelope_id'], ['envelope.organisation_id', 'envelope.id'], name='fk_signing_request_envelope_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_signing_request_organisation_id')),
    sa.ForeignKeyConstraint(['requested_by_id'], ['hub_user.id'], name=op.f('fk_signing_request_requested_by_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_signing_request')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_signing_request_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('signing_request', schema=None) as batch_op:
        batch_op.create_index('ix_signing_request_due', ['next_attempt_at'], unique=False, postgresql_where=sa.text("state IN ('waiting', 'working')"), sqlite_where=sa.text("state IN ('waiting', 'working')"))
        batch_op.create_index('ix_signing_request_envelope', ['envelope_id', 'id'], unique=False)
        batch_op.create_index('ix_signing_request_failed', ['organisation_id', 'finished_at'], unique=False, postgresql_where=sa.text("state = 'failed'"), sqlite_where=sa.text("state = 'failed'"))
        batch_op.create_index('uq_signing_request_envelope_id_kind', ['envelope_id', 'kind'], unique=True, postgresql_where=sa.text("state = 'waiting'"), sqlite_where=sa.text("state = 'waiting'"))



def downgrade() -> None:
    with op.batch_alter_table('signing_request', schema=None) as batch_op:
        batch_op.drop_index('uq_signing_request_envelope_id_kind', postgresql_where=sa.text("state = 'waiting'"), sqlite_where=sa.text("state = 'waiting'"))
        batch_op.drop_index('ix_signing_request_failed', postgresql_where=sa.text("state = 'failed'"), sqlite_where=sa.text("state = 'failed'"))
        batch_op.drop_index('ix_signing_request_envelope')
        batch_op.drop_index('ix_signing_request_due', postgresql_where=sa.text("state IN ('waiting', 'working')"), sqlite_where=sa.text("state IN ('waiting', 'working')"))

    op.drop_table('signing_request')
    with op.batch_alter_table('signing_event', schema=None) as batch_op:
        batch_op.drop_index('ix_signing_event_envelope')

    op.drop_table('signing_event')
    op.drop_table('envelope_signer')
    with op.batch_alter_table('envelope', schema=None) as batch_op:
        batch_op.drop_index('uq_envelope_invoice_profile_id', postgresql_where=sa.text('is_current'), sqlite_where=sa.text('is_current'))
        batch_op.drop_index('ix_envelope_unsigned', postgresql_where=sa.text("status IN ('declined', 'expired')"), sqlite_where=sa.text("status IN ('declined', 'expired')"))
        batch_op.drop_index('ix_envelope_profile')
        batch_op.drop_index('ix_envelope_open', postgresql_where=sa.text("status IN ('sent', 'delivered')"), sqlite_where=sa.text("status IN ('sent', 'delivered')"))
        batch_op.drop_index('ix_envelope_customer')

    op.drop_table('envelope')
    op.drop_table('signing_settings')
    op.drop_table('signing_key')
