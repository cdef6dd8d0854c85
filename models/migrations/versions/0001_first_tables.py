"""first tables"""

import sqlalchemy as sa
from alembic import op

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def add_to_postgresql() -> None:
    """The keys that close the circles of tables, and the index for search by fragments."""
    op.create_foreign_key(
        "fk_customer_group_parent_id", "customer_group", "customer", ["organisation_id", "parent_id"],
        ["organisation_id", "id"],
    )
    op.create_foreign_key(
        "fk_hub_user_customer_id", "hub_user", "customer", ["organisation_id", "customer_id"],
        ["organisation_id", "id"],
    )
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.create_index(
        "ix_customer_search_text", "customer", ["search_text"], postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    )


def add_to_sqlite() -> None:
    """The table for search by fragments, kept by triggers."""
    op.execute(
        "CREATE VIRTUAL TABLE customer_search USING fts5("
        "search_text, content='customer', content_rowid='id', tokenize='trigram')"
    )
    gone = "INSERT INTO customer_search(customer_search, rowid, search_text) VALUES ('delete', old.id, old.search_text)"
    come = "INSERT INTO customer_search(rowid, search_text) VALUES (new.id, new.search_text)"
    op.execute(f"CREATE TRIGGER customer_search_insert AFTER INSERT ON customer BEGIN {come}; END")
    op.execute(f"CREATE TRIGGER customer_search_delete AFTER DELETE ON customer BEGIN {gone}; END")
    op.execute(f"CREATE TRIGGER customer_search_update AFTER UPDATE OF search_text ON customer BEGIN {gone}; {come}; END")


def upgrade() -> None:
    op.create_table('history',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('actor_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('actor_name', sa.String(length=200), nullable=False),
    sa.Column('source', sa.String(length=120), nullable=False),
    sa.Column('action', sa.String(length=60), nullable=False),
    sa.Column('table_name', sa.String(length=60), nullable=False),
    sa.Column('row_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('changes', sa.JSON(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_history'))
    )
    with op.batch_alter_table('history', schema=None) as batch_op:
        batch_op.create_index('ix_history_customer', ['organisation_id', 'customer_id', 'id'], unique=False)
        batch_op.create_index('ix_history_organisation', ['organisation_id', 'id'], unique=False)
        batch_op.create_index('ix_history_row', ['table_name', 'row_id', 'id'], unique=False)

    op.create_table('organisation',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('name_key', sa.String(length=400).with_variant(sa.String(length=400, collation='C'), 'postgresql'), nullable=False),
    sa.Column('currency', sa.String(length=3), nullable=False),
    sa.Column('timezone', sa.String(length=64), nullable=False),
    sa.Column('country', sa.String(length=2), nullable=False),
    sa.Column('date_format', sa.Enum('31/01/2026', '31.01.2026', '01/31/2026', '2026-01-31', '31 Jan 2026', name='date_format', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('signatory_name', sa.String(length=200), nullable=True),
    sa.Column('signatory_email', sa.String(length=254), nullable=True),
    sa.Column('sender_email', sa.String(length=254), nullable=True),
    sa.Column('nda_template', sa.Text(), nullable=True),
    sa.Column('approval_policy', sa.Enum('partner', 'all', name='approval_policy', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('task_assignment', sa.Enum('nobody, until it is assigned or claimed', 'agents by turns', 'the agent with the fewest open tasks', name='task_assignment', native_enum=False, create_constraint=True, length=40), server_default='nobody, until it is assigned or claimed', nullable=False),
    sa.Column('task_days', sa.Integer(), server_default='3', nullable=False),
    sa.Column('reminder_days', sa.String(length=60), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('length(country) = 2', name=op.f('ck_organisation_country')),
    sa.CheckConstraint('length(currency) = 3', name=op.f('ck_organisation_currency')),
    sa.CheckConstraint('task_days BETWEEN 0 AND 365', name=op.f('ck_organisation_task_days')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_organisation')),
    sa.UniqueConstraint('name_key', name=op.f('uq_organisation_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('billed_user',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=True),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_billed_user_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_billed_user')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_billed_user_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_billed_user_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('catalog_item',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('type', sa.Enum('region', 'segment', 'acquisition channel', 'category', 'subscription type', 'account type', 'status reason', 'AR charge type', 'alert type', name='type', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_catalog_item_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_catalog_item')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_catalog_item_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'type', 'name_key', name=op.f('uq_catalog_item_organisation_id_type_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('commodity',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('unit', sa.String(length=40), nullable=False),
    sa.Column('default_minimum_cost', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('default_cost_per_unit', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('default_minimum_cost >= 0 AND default_cost_per_unit >= 0', name=op.f('ck_commodity_defaults')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_commodity_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_commodity')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_commodity_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_commodity_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('customer_group',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('name_key', sa.String(length=400).with_variant(sa.String(length=400, collation='C'), 'postgresql'), nullable=False),
    sa.Column('parent_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('note', sa.Text(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'parent_id'], ['customer.organisation_id', 'customer.id'], name='fk_customer_group_parent_id', use_alter=True),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_customer_group_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_group')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_customer_group_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_customer_group_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('customer_status',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('colour', sa.String(length=7), nullable=False),
    sa.Column('behaviour', sa.Enum('bill', 'accrue', 'final', 'none', name='behaviour', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('length(colour) = 7', name=op.f('ck_customer_status_colour')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_customer_status_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_status')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_customer_status_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_customer_status_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('dealer',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('code', sa.String(length=40), nullable=False),
    sa.Column('code_key', sa.String(length=80).with_variant(sa.String(length=80, collation='C'), 'postgresql'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_dealer_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_dealer')),
    sa.UniqueConstraint('organisation_id', 'code_key', name=op.f('uq_dealer_organisation_id_code_key')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_dealer_organisation_id_id')),
    sqlite_autoincrement=True
    )
    op.create_table('default_value_set',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('values', sa.JSON(), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_default_value_set_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_default_value_set')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_default_value_set_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_default_value_set_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('department',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_department_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_department')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_department_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_department_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('invoice_type',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_invoice_type_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invoice_type')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_invoice_type_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_invoice_type_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('location',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('address', sa.Text(), nullable=True),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_location_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_location')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_location_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_location_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('notification_template',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('purpose', sa.Enum('review due', 'compliance document', 'set password', 'reset password', name='purpose', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('subject', sa.String(length=200), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_notification_template_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notification_template')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_notification_template_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_notification_template_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('number_sequence',
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('next_value', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_number_sequence_organisation_id')),
    sa.PrimaryKeyConstraint('organisation_id', 'name', name=op.f('pk_number_sequence'))
    )
    op.create_table('payment_terms',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('kind', sa.Enum('days after the invoice', 'day of the month', name='kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('value', sa.Integer(), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint("(kind = 'days after the invoice' AND value BETWEEN 0 AND 365) OR (kind = 'day of the month' AND value BETWEEN -28 AND 31 AND value <> 0)", name=op.f('ck_payment_terms_value')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_payment_terms_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment_terms')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_payment_terms_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_payment_terms_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('stored_file',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('content_type', sa.String(length=120), nullable=False),
    sa.Column('size', sa.Integer(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('storage_key', sa.String(length=120), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('size >= 0', name=op.f('ck_stored_file_size')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_stored_file_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_stored_file')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_stored_file_organisation_id_id')),
    sa.UniqueConstraint('storage_key', name=op.f('uq_stored_file_storage_key')),
    sqlite_autoincrement=True
    )
    op.create_table('tariff',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('fallback_markup', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('fallback_markup BETWEEN 0 AND 10000000', name=op.f('ck_tariff_fallback_markup')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_tariff_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tariff')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_tariff_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_tariff_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('vat_rate',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('percent', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('percent BETWEEN 0 AND 1000000', name=op.f('ck_vat_rate_percent')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_vat_rate_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_vat_rate')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_vat_rate_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_vat_rate_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('business_entity',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('registered_name', sa.String(length=200), nullable=False),
    sa.Column('registration_number', sa.String(length=40), nullable=True),
    sa.Column('vat_number', sa.String(length=40), nullable=True),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('bank_name', sa.String(length=120), nullable=True),
    sa.Column('bank_account', sa.String(length=60), nullable=True),
    sa.Column('bank_code', sa.String(length=40), nullable=True),
    sa.Column('brand_colour', sa.String(length=7), nullable=False),
    sa.Column('logo_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('footer', sa.Text(), nullable=True),
    sa.Column('invoice_number_format', sa.String(length=40), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('length(brand_colour) = 7', name=op.f('ck_business_entity_brand_colour')),
    sa.ForeignKeyConstraint(['organisation_id', 'logo_id'], ['stored_file.organisation_id', 'stored_file.id'], name='fk_business_entity_logo_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_business_entity_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_business_entity')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_business_entity_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_business_entity_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('hub_user',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('email_key', sa.String(length=254), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('role', sa.Enum('admin', 'manager', 'agent', 'partner', 'customer', name='role', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('active', sa.Boolean(), nullable=False),
    sa.Column('password_hash', sa.String(length=200), nullable=True),
    sa.Column('sign_in_epoch', sa.Integer(), server_default='0', nullable=False),
    sa.Column('last_sign_in_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('data_protection', sa.Boolean(), nullable=False),
    sa.Column('platform', sa.Boolean(), nullable=False),
    sa.Column('dealer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('portal_permissions', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint("(role = 'customer') = (customer_id IS NOT NULL)", name=op.f('ck_hub_user_customer_has_record')),
    sa.CheckConstraint("(role = 'partner') = (dealer_id IS NOT NULL)", name=op.f('ck_hub_user_partner_has_dealer')),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_hub_user_customer_id', use_alter=True),
    sa.ForeignKeyConstraint(['organisation_id', 'dealer_id'], ['dealer.organisation_id', 'dealer.id'], name='fk_hub_user_dealer_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_hub_user_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_hub_user')),
    sa.UniqueConstraint('email_key', name=op.f('uq_hub_user_email_key')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_hub_user_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('hub_user', schema=None) as batch_op:
        batch_op.create_index('ix_hub_user_customer', ['customer_id'], unique=False)
        batch_op.create_index('ix_hub_user_role', ['organisation_id', 'role', 'name'], unique=False)

    op.create_table('payment_method',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('default_terms_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'default_terms_id'], ['payment_terms.organisation_id', 'payment_terms.id'], name='fk_payment_method_default_terms_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_payment_method_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_payment_method')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_payment_method_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_payment_method_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('product',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sa.String(length=240).with_variant(sa.String(length=240, collation='C'), 'postgresql'), nullable=False),
    sa.Column('code', sa.String(length=40), nullable=False),
    sa.Column('code_key', sa.String(length=80).with_variant(sa.String(length=80, collation='C'), 'postgresql'), nullable=False),
    sa.Column('kind', sa.Enum('number', 'feature', name='kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('price', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('frequency', sa.Enum('one-off', 'monthly', 'quarterly', 'yearly', name='frequency', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('vat_rate_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('price >= 0', name=op.f('ck_product_price')),
    sa.ForeignKeyConstraint(['organisation_id', 'vat_rate_id'], ['vat_rate.organisation_id', 'vat_rate.id'], name='fk_product_vat_rate_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_product_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_product')),
    sa.UniqueConstraint('organisation_id', 'code_key', name=op.f('uq_product_organisation_id_code_key')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_product_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_product_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('tariff_rate',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('tariff_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('prefix', sa.String(length=20), nullable=False),
    sa.Column('destination', sa.String(length=120), nullable=True),
    sa.Column('price_per_minute', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('valid_from', sa.Date(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('price_per_minute >= 0', name=op.f('ck_tariff_rate_price_per_minute')),
    sa.ForeignKeyConstraint(['organisation_id', 'tariff_id'], ['tariff.organisation_id', 'tariff.id'], name='fk_tariff_rate_tariff_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_tariff_rate_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tariff_rate')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_tariff_rate_organisation_id_id')),
    sa.UniqueConstraint('tariff_id', 'prefix', 'valid_from', name=op.f('uq_tariff_rate_tariff_id_prefix_valid_from')),
    sqlite_autoincrement=True
    )
    op.create_table('customer',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('account_number', sa.String(length=40).with_variant(sa.String(length=40, collation='C'), 'postgresql'), nullable=False),
    sa.Column('reference', sa.String(length=40), nullable=True),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('is_prospect', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('kind', sa.Enum('consumer', 'company', name='kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('customer_type', sa.Enum('miscellaneous', 'sole proprietorship', 'statutory board/ministry', 'partnership', 'LLP', 'private limited', 'public limited', 'limited liability corporation', 'registered foreign corporation', 'foreign company', 'co-operative society', name='customer_type', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('category_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('identity_number', sa.String(length=40), nullable=True),
    sa.Column('registration_number', sa.String(length=40), nullable=True),
    sa.Column('registration_date', sa.Date(), nullable=True),
    sa.Column('vat_number', sa.String(length=40), nullable=True),
    sa.Column('vat_registration_date', sa.Date(), nullable=True),
    sa.Column('region_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('contact_number', sa.String(length=60), nullable=True),
    sa.Column('email', sa.String(length=500), nullable=True),
    sa.Column('website', sa.String(length=300), nullable=True),
    sa.Column('start_date', sa.Date(), nullable=True),
    sa.Column('risk', sa.Enum('Low', 'Medium', 'High', name='risk', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('stage', sa.Enum('New', 'Passed Credit Ref', 'Referred', 'Failed Credit Ref', 'Billing', name='stage', native_enum=False, create_constraint=True, length=40), server_default='New', nullable=False),
    sa.Column('credit_reference', sa.String(length=60), nullable=True),
    sa.Column('billing_reference', sa.String(length=60), nullable=True),
    sa.Column('estimated_monthly_revenue', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('correspondence_modes', sa.JSON(), nullable=False),
    sa.Column('year_end_day', sa.Integer(), nullable=True),
    sa.Column('year_end_month', sa.Integer(), nullable=True),
    sa.Column('existing_relationship', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('relationship_note', sa.String(length=1000), nullable=True),
    sa.Column('credit_check_company', sa.String(length=120), nullable=True),
    sa.Column('total_spend', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('credit_limit', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('review_start_date', sa.Date(), nullable=True),
    sa.Column('review_frequency', sa.Integer(), nullable=True),
    sa.Column('reviewer_email', sa.String(length=254), nullable=True),
    sa.Column('review_template_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('automatic_report', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('segment_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('channel_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('promotional_emails', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('promotional_set_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('promotional_set_by_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('responsible_manager_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('service_manager_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('account_manager_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('dealer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('group_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('status_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('payment_method_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('payment_terms_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('vat_rate_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('billing_cycle', sa.Enum('monthly', 'quarterly', 'manual', name='billing_cycle', native_enum=False, create_constraint=True, length=40), server_default='monthly', nullable=False),
    sa.Column('billing_day', sa.Integer(), server_default='1', nullable=False),
    sa.Column('empty_or_low', sa.Enum('create anyway', 'roll forward', 'low usage charge', name='empty_or_low', native_enum=False, create_constraint=True, length=40), server_default='create anyway', nullable=False),
    sa.Column('low_usage_minimum', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('business_entity_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('bill_length_mailed', sa.Enum('short', 'long', 'full', name='bill_length_mailed', native_enum=False, create_constraint=True, length=40), server_default='short', nullable=False),
    sa.Column('bill_length_downloaded', sa.Enum('short', 'long', 'full', name='bill_length_downloaded', native_enum=False, create_constraint=True, length=40), server_default='long', nullable=False),
    sa.Column('bill_length_printed', sa.Enum('short', 'long', 'full', name='bill_length_printed', native_enum=False, create_constraint=True, length=40), server_default='short', nullable=False),
    sa.Column('default_tariff_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('markup', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('annual_increase_percent', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
    sa.Column('annual_increase_date', sa.Date(), nullable=True),
    sa.Column('subscription_type_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('number_of_users', sa.Integer(), nullable=True),
    sa.Column('portal_access', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('sort_name', sa.String(length=400).with_variant(sa.String(length=400, collation='C'), 'postgresql'), nullable=False),
    sa.Column('reference_key', sa.String(length=80).with_variant(sa.String(length=80, collation='C'), 'postgresql'), nullable=True),
    sa.Column('identity_key', sa.String(length=80), nullable=True),
    sa.Column('registration_key', sa.String(length=80), nullable=True),
    sa.Column('vat_key', sa.String(length=80), nullable=True),
    sa.Column('phone_key', sa.String(length=20), nullable=True),
    sa.Column('search_text', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('(year_end_day IS NULL AND year_end_month IS NULL) OR (year_end_month BETWEEN 1 AND 12 AND year_end_day BETWEEN 1 AND CASE WHEN year_end_month = 2 THEN 29 WHEN year_end_month IN (4, 6, 9, 11) THEN 30 ELSE 31 END)', name=op.f('ck_customer_year_end')),
    sa.CheckConstraint('NOT is_prospect OR identity_number IS NOT NULL OR registration_number IS NOT NULL', name=op.f('ck_customer_prospect_number')),
    sa.CheckConstraint('billing_day BETWEEN 1 AND 31', name=op.f('ck_customer_billing_day')),
    sa.CheckConstraint('credit_limit >= 0', name=op.f('ck_customer_credit_limit')),
    sa.CheckConstraint('is_prospect OR (reference IS NOT NULL AND region_id IS NOT NULL AND email IS NOT NULL AND start_date IS NOT NULL AND risk IS NOT NULL)', name=op.f('ck_customer_full_particulars')),
    sa.CheckConstraint('length(name) > 0', name=op.f('ck_customer_name')),
    sa.CheckConstraint('estimated_monthly_revenue >= 0', name=op.f('ck_customer_estimated_monthly_revenue')),
    sa.CheckConstraint('number_of_users >= 0', name=op.f('ck_customer_number_of_users')),
    sa.CheckConstraint('review_frequency BETWEEN 1 AND 12', name=op.f('ck_customer_review_frequency')),
    sa.CheckConstraint('total_spend >= 0', name=op.f('ck_customer_total_spend')),
    sa.ForeignKeyConstraint(['organisation_id', 'account_manager_id'], ['hub_user.organisation_id', 'hub_user.id'], name='fk_customer_account_manager_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'business_entity_id'], ['business_entity.organisation_id', 'business_entity.id'], name='fk_customer_business_entity_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'category_id'], ['catalog_item.organisation_id', 'catalog_item.id'], name='fk_customer_category_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'channel_id'], ['catalog_item.organisation_id', 'catalog_item.id'], name='fk_customer_channel_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'dealer_id'], ['dealer.organisation_id', 'dealer.id'], name='fk_customer_dealer_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'default_tariff_id'], ['tariff.organisation_id', 'tariff.id'], name='fk_customer_default_tariff_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'group_id'], ['customer_group.organisation_id', 'customer_group.id'], name='fk_customer_group_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'payment_method_id'], ['payment_method.organisation_id', 'payment_method.id'], name='fk_customer_payment_method_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'payment_terms_id'], ['payment_terms.organisation_id', 'payment_terms.id'], name='fk_customer_payment_terms_id'),
    sa.ForeignKeyConstraint(['promotional_set_by_id'], ['hub_user.id'], name=op.f('fk_customer_promotional_set_by_id')),
    sa.ForeignKeyConstraint(['organisation_id', 'region_id'], ['catalog_item.organisation_id', 'catalog_item.id'], name='fk_customer_region_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'responsible_manager_id'], ['hub_user.organisation_id', 'hub_user.id'], name='fk_customer_responsible_manager_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'review_template_id'], ['notification_template.organisation_id', 'notification_template.id'], name='fk_customer_review_template_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'segment_id'], ['catalog_item.organisation_id', 'catalog_item.id'], name='fk_customer_segment_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'service_manager_id'], ['hub_user.organisation_id', 'hub_user.id'], name='fk_customer_service_manager_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'status_id'], ['customer_status.organisation_id', 'customer_status.id'], name='fk_customer_status_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'subscription_type_id'], ['catalog_item.organisation_id', 'catalog_item.id'], name='fk_customer_subscription_type_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'vat_rate_id'], ['vat_rate.organisation_id', 'vat_rate.id'], name='fk_customer_vat_rate_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_customer_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer')),
    sa.UniqueConstraint('organisation_id', 'account_number', name=op.f('uq_customer_organisation_id_account_number')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_customer_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'identity_key', name=op.f('uq_customer_organisation_id_identity_key')),
    sa.UniqueConstraint('organisation_id', 'reference_key', name=op.f('uq_customer_organisation_id_reference_key')),
    sa.UniqueConstraint('organisation_id', 'registration_key', name=op.f('uq_customer_organisation_id_registration_key')),
    sa.UniqueConstraint('organisation_id', 'vat_key', name=op.f('uq_customer_organisation_id_vat_key')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('customer', schema=None) as batch_op:
        batch_op.create_index('ix_customer_account_manager', ['organisation_id', 'account_manager_id', 'sort_name', 'id'], unique=False)
        batch_op.create_index('ix_customer_dealer', ['dealer_id', 'sort_name'], unique=False)
        batch_op.create_index('ix_customer_phone', ['organisation_id', 'phone_key'], unique=False)
        batch_op.create_index('ix_customer_group', ['group_id'], unique=False)
        batch_op.create_index('ix_customer_region', ['organisation_id', 'region_id', 'sort_name', 'id'], unique=False)
        batch_op.create_index('ix_customer_risk', ['organisation_id', 'risk', 'sort_name', 'id'], unique=False)
        batch_op.create_index('ix_customer_sort_name', ['organisation_id', 'sort_name', 'id'], unique=False)
        batch_op.create_index('ix_customer_stage', ['organisation_id', 'stage', 'sort_name', 'id'], unique=False)
        batch_op.create_index('ix_customer_start_date', ['organisation_id', 'start_date', 'id'], unique=False)
        batch_op.create_index('ix_customer_status', ['organisation_id', 'status_id', 'sort_name', 'id'], unique=False)

    op.create_table('customer_import',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('acting_user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('file_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('file_name', sa.String(length=255), nullable=False),
    sa.Column('state', sa.Enum('queued', 'checking', 'ready', 'saving', 'running', 'done', 'failed', 'cancelled', 'reverted', name='state', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('good_rows_only', sa.Boolean(), nullable=False),
    sa.Column('total_rows', sa.Integer(), nullable=True),
    sa.Column('done_rows', sa.Integer(), nullable=False),
    sa.Column('new_rows', sa.Integer(), nullable=False),
    sa.Column('changed_rows', sa.Integer(), nullable=False),
    sa.Column('unchanged_rows', sa.Integer(), nullable=False),
    sa.Column('error_rows', sa.Integer(), nullable=False),
    sa.Column('ignored_columns', sa.JSON(), nullable=False),
    sa.Column('problem', sa.String(length=500), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('done_rows >= 0', name=op.f('ck_customer_import_done_rows')),
    sa.ForeignKeyConstraint(['organisation_id', 'file_id'], ['stored_file.organisation_id', 'stored_file.id'], name='fk_customer_import_file_id'),
    sa.ForeignKeyConstraint(['acting_user_id'], ['hub_user.id'], name=op.f('fk_customer_import_acting_user_id')),
    sa.ForeignKeyConstraint(['user_id'], ['hub_user.id'], name=op.f('fk_customer_import_user_id')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_customer_import_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_customer_import')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_customer_import_organisation_id_id')),
    sqlite_autoincrement=True
    )
    op.create_table('list_export',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('screen', sa.String(length=60), nullable=False),
    sa.Column('title', sa.String(length=120), nullable=False),
    sa.Column('query', sa.JSON(), nullable=False),
    sa.Column('format', sa.String(length=4), nullable=False),
    sa.Column('state', sa.Enum('queued', 'checking', 'ready', 'saving', 'running', 'done', 'failed', 'cancelled', 'reverted', name='state', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('total_rows', sa.Integer(), nullable=True),
    sa.Column('done_rows', sa.Integer(), nullable=False),
    sa.Column('file_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('problem', sa.String(length=500), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint("format IN ('csv', 'xlsx')", name=op.f('ck_list_export_format')),
    sa.ForeignKeyConstraint(['organisation_id', 'file_id'], ['stored_file.organisation_id', 'stored_file.id'], name='fk_list_export_file_id'),
    sa.ForeignKeyConstraint(['user_id'], ['hub_user.id'], name=op.f('fk_list_export_user_id')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_list_export_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_list_export')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_list_export_organisation_id_id')),
    sqlite_autoincrement=True
    )
    op.create_table('list_preference',
    sa.Column('user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('screen', sa.String(length=60), nullable=False),
    sa.Column('columns', sa.JSON(), nullable=True),
    sa.Column('page_size', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['user_id'], ['hub_user.id'], name=op.f('fk_list_preference_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('user_id', 'screen', name=op.f('pk_list_preference'))
    )
    op.create_table('saved_view',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('screen', sa.String(length=60), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('query', sa.String(length=2000), nullable=False),
    sa.ForeignKeyConstraint(['user_id'], ['hub_user.id'], name=op.f('fk_saved_view_user_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_saved_view')),
    sa.UniqueConstraint('user_id', 'screen', 'name', name=op.f('uq_saved_view_user_id_screen_name'))
    )
    op.create_table('account',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('number', sa.String(length=40), nullable=False),
    sa.Column('is_main', sa.Boolean(), server_default=sa.false(), nullable=False),
    sa.Column('type_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('balance', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default='0', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_account_customer_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id', 'type_id'], ['catalog_item.organisation_id', 'catalog_item.id'], name='fk_account_type_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_account_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_account_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'number', name=op.f('uq_account_organisation_id_number')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('account', schema=None) as batch_op:
        batch_op.create_index('ix_account_customer', ['customer_id'], unique=False)
        batch_op.create_index('uq_account_customer_id', ['customer_id'], unique=True, postgresql_where=sa.text('is_main'), sqlite_where=sa.text('is_main'))

    op.create_table('address',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('kind', sa.Enum('mailing', 'correspondence', 'registered', name='kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('lines', sa.Text(), nullable=False),
    sa.Column('city', sa.String(length=120), nullable=True),
    sa.Column('postal_code', sa.String(length=20), nullable=True),
    sa.Column('country', sa.String(length=2), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('length(country) = 2', name=op.f('ck_address_country')),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_address_customer_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_address_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_address')),
    sa.UniqueConstraint('customer_id', 'kind', name=op.f('uq_address_customer_id_kind')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_address_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('address', schema=None) as batch_op:
        batch_op.create_index('ix_address_customer', ['customer_id'], unique=False)

    op.create_table('billing_line',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('commodity_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('minimum_cost', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('cost_per_unit', sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
    sa.Column('location_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('department_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('billed_user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('active_from', sa.Date(), nullable=True),
    sa.Column('active_to', sa.Date(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('active_to >= active_from', name=op.f('ck_billing_line_active')),
    sa.CheckConstraint('minimum_cost >= 0 AND cost_per_unit >= 0', name=op.f('ck_billing_line_costs')),
    sa.ForeignKeyConstraint(['organisation_id', 'billed_user_id'], ['billed_user.organisation_id', 'billed_user.id'], name='fk_billing_line_billed_user_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'commodity_id'], ['commodity.organisation_id', 'commodity.id'], name='fk_billing_line_commodity_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_billing_line_customer_id', ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['organisation_id', 'department_id'], ['department.organisation_id', 'department.id'], name='fk_billing_line_department_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'location_id'], ['location.organisation_id', 'location.id'], name='fk_billing_line_location_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_billing_line_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_billing_line')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_billing_line_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('billing_line', schema=None) as batch_op:
        batch_op.create_index('ix_billing_line_customer', ['customer_id'], unique=False)

    op.create_table('compliance_document',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('certificate', sa.String(length=200), nullable=False),
    sa.Column('expiry_date', sa.Date(), nullable=False),
    sa.Column('reviewer_email', sa.String(length=254), nullable=True),
    sa.Column('template_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('file_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_compliance_document_customer_id', ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['organisation_id', 'file_id'], ['stored_file.organisation_id', 'stored_file.id'], name='fk_compliance_document_file_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'template_id'], ['notification_template.organisation_id', 'notification_template.id'], name='fk_compliance_document_template_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_compliance_document_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_compliance_document')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_compliance_document_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('compliance_document', schema=None) as batch_op:
        batch_op.create_index('ix_compliance_document_customer', ['customer_id'], unique=False)
        batch_op.create_index('ix_compliance_document_expiry', ['organisation_id', 'expiry_date'], unique=False)

    op.create_table('contact',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('role', sa.Enum('manager', 'technical', 'accounting', 'general', name='role', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=True),
    sa.Column('phone', sa.String(length=60), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_contact_customer_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_contact_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_contact_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('contact', schema=None) as batch_op:
        batch_op.create_index('ix_contact_customer', ['customer_id'], unique=False)

    op.create_table('customer_department',
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('department_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_customer_department_customer_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id', 'department_id'], ['department.organisation_id', 'department.id'], name='fk_customer_department_department_id'),
    sa.PrimaryKeyConstraint('customer_id', 'department_id', name=op.f('pk_customer_department'))
    )
    with op.batch_alter_table('customer_department', schema=None) as batch_op:
        batch_op.create_index('ix_customer_department_department', ['department_id'], unique=False)

    op.create_table('customer_invoice_type',
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('invoice_type_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_customer_invoice_type_customer_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id', 'invoice_type_id'], ['invoice_type.organisation_id', 'invoice_type.id'], name='fk_customer_invoice_type_invoice_type_id'),
    sa.PrimaryKeyConstraint('customer_id', 'invoice_type_id', name=op.f('pk_customer_invoice_type'))
    )
    with op.batch_alter_table('customer_invoice_type', schema=None) as batch_op:
        batch_op.create_index('ix_customer_invoice_type_invoice_type', ['invoice_type_id'], unique=False)

    op.create_table('import_row',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('import_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('row_number', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.Enum('new', 'changed', 'unchanged', 'error', name='outcome', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('reference', sa.String(length=255), nullable=True),
    sa.Column('name', sa.String(length=255), nullable=True),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('cells', sa.JSON(), nullable=True),
    sa.Column('changes', sa.JSON(), nullable=True),
    sa.Column('errors', sa.JSON(), nullable=True),
    sa.Column('undo', sa.JSON(), nullable=True),
    sa.ForeignKeyConstraint(['import_id'], ['customer_import.id'], name=op.f('fk_import_row_import_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_import_row')),
    sa.UniqueConstraint('import_id', 'row_number', name=op.f('uq_import_row_import_id_row_number'))
    )
    with op.batch_alter_table('import_row', schema=None) as batch_op:
        batch_op.create_index('ix_import_row_outcome', ['import_id', 'outcome', 'row_number'], unique=False)

    op.create_table('invoice_profile',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('email', sa.String(length=254), nullable=False),
    sa.Column('nda_file_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('status', sa.Enum('NDA Pending', 'Profile Completed', 'NDA Declined', name='status', native_enum=False, create_constraint=True, length=40), server_default='NDA Pending', nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_invoice_profile_customer_id', ondelete='RESTRICT'),
    sa.ForeignKeyConstraint(['organisation_id', 'nda_file_id'], ['stored_file.organisation_id', 'stored_file.id'], name='fk_invoice_profile_nda_file_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_invoice_profile_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_invoice_profile')),
    sa.UniqueConstraint('customer_id', 'name', name=op.f('uq_invoice_profile_customer_id_name')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_invoice_profile_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('invoice_profile', schema=None) as batch_op:
        batch_op.create_index('ix_invoice_profile_customer', ['customer_id'], unique=False)

    op.create_table('legal_entity',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('registration_number', sa.String(length=40), nullable=True),
    sa.Column('vat_number', sa.String(length=40), nullable=True),
    sa.Column('address', sa.Text(), nullable=True),
    sa.Column('business_entity_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'business_entity_id'], ['business_entity.organisation_id', 'business_entity.id'], name='fk_legal_entity_business_entity_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_legal_entity_customer_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_legal_entity_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_legal_entity')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_legal_entity_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('legal_entity', schema=None) as batch_op:
        batch_op.create_index('ix_legal_entity_customer', ['customer_id'], unique=False)

    op.create_table('outbox_message',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('reason_key', sa.String(length=200), nullable=False),
    sa.Column('purpose', sa.String(length=60), nullable=False),
    sa.Column('recipient', sa.String(length=254), nullable=False),
    sa.Column('subject', sa.String(length=250), nullable=False),
    sa.Column('text_body', sa.Text(), nullable=False),
    sa.Column('html_body', sa.Text(), nullable=False),
    sa.Column('state', sa.Enum('waiting', 'sent', 'held', 'failed', name='state', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('next_attempt_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('last_error', sa.String(length=500), nullable=True),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('customer_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_outbox_message_customer_id'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_outbox_message_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox_message')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_outbox_message_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'reason_key', name=op.f('uq_outbox_message_organisation_id_reason_key')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('outbox_message', schema=None) as batch_op:
        batch_op.create_index('ix_outbox_message_customer', ['customer_id'], unique=False)
        batch_op.create_index('ix_outbox_message_due', ['state', 'next_attempt_at'], unique=False)

    if op.get_bind().dialect.name == "postgresql":
        add_to_postgresql()
    else:
        add_to_sqlite()


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("fk_customer_group_parent_id", "customer_group")
        op.drop_constraint("fk_hub_user_customer_id", "hub_user")
        op.drop_index("ix_customer_search_text", "customer")
    else:
        op.execute("DROP TABLE customer_search")
    with op.batch_alter_table('outbox_message', schema=None) as batch_op:
        batch_op.drop_index('ix_outbox_message_due')
        batch_op.drop_index('ix_outbox_message_customer')

    op.drop_table('outbox_message')
    with op.batch_alter_table('legal_entity', schema=None) as batch_op:
        batch_op.drop_index('ix_legal_entity_customer')

    op.drop_table('legal_entity')
    with op.batch_alter_table('invoice_profile', schema=None) as batch_op:
        batch_op.drop_index('ix_invoice_profile_customer')

    op.drop_table('invoice_profile')
    with op.batch_alter_table('import_row', schema=None) as batch_op:
        batch_op.drop_index('ix_import_row_outcome')

    op.drop_table('import_row')
    with op.batch_alter_table('customer_invoice_type', schema=None) as batch_op:
        batch_op.drop_index('ix_customer_invoice_type_invoice_type')

    op.drop_table('customer_invoice_type')
    with op.batch_alter_table('customer_department', schema=None) as batch_op:
        batch_op.drop_index('ix_customer_department_department')

    op.drop_table('customer_department')
    with op.batch_alter_table('contact', schema=None) as batch_op:
        batch_op.drop_index('ix_contact_customer')

    op.drop_table('contact')
    with op.batch_alter_table('compliance_document', schema=None) as batch_op:
        batch_op.drop_index('ix_compliance_document_expiry')
        batch_op.drop_index('ix_compliance_document_customer')

    op.drop_table('compliance_document')
    with op.batch_alter_table('billing_line', schema=None) as batch_op:
        batch_op.drop_index('ix_billing_line_customer')

    op.drop_table('billing_line')
    with op.batch_alter_table('address', schema=None) as batch_op:
        batch_op.drop_index('ix_address_customer')

    op.drop_table('address')
    with op.batch_alter_table('account', schema=None) as batch_op:
        batch_op.drop_index('uq_account_customer_id', postgresql_where=sa.text('is_main'), sqlite_where=sa.text('is_main'))
        batch_op.drop_index('ix_account_customer')

    op.drop_table('account')
    op.drop_table('saved_view')
    op.drop_table('list_preference')
    op.drop_table('list_export')
    op.drop_table('customer_import')
    with op.batch_alter_table('customer', schema=None) as batch_op:
        batch_op.drop_index('ix_customer_status')
        batch_op.drop_index('ix_customer_stage')
        batch_op.drop_index('ix_customer_start_date')
        batch_op.drop_index('ix_customer_sort_name')
        batch_op.drop_index('ix_customer_risk')
        batch_op.drop_index('ix_customer_region')
        batch_op.drop_index('ix_customer_group')
        batch_op.drop_index('ix_customer_phone')
        batch_op.drop_index('ix_customer_dealer')
        batch_op.drop_index('ix_customer_account_manager')

    op.drop_table('customer')
    op.drop_table('tariff_rate')
    op.drop_table('product')
    op.drop_table('payment_method')
    with op.batch_alter_table('hub_user', schema=None) as batch_op:
        batch_op.drop_index('ix_hub_user_role')
        batch_op.drop_index('ix_hub_user_customer')

    op.drop_table('hub_user')
    op.drop_table('business_entity')
    op.drop_table('vat_rate')
    op.drop_table('tariff')
    op.drop_table('stored_file')
    op.drop_table('payment_terms')
    op.drop_table('number_sequence')
    op.drop_table('notification_template')
    op.drop_table('location')
    op.drop_table('invoice_type')
    op.drop_table('department')
    op.drop_table('default_value_set')
    op.drop_table('dealer')
    op.drop_table('customer_status')
    op.drop_table('customer_group')
    op.drop_table('commodity')
    op.drop_table('catalog_item')
    op.drop_table('billed_user')
    op.drop_table('organisation')
    with op.batch_alter_table('history', schema=None) as batch_op:
        batch_op.drop_index('ix_history_row')
        batch_op.drop_index('ix_history_organisation')
        batch_op.drop_index('ix_history_customer')

    op.drop_table('history')
