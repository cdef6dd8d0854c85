"""shared views and shown filters of lists; purpose and business entity of accounts; markups by call class"""

import sqlalchemy as sa
from alembic import op

revision = '0007'
down_revision = '0006'
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.add_column('list_preference', sa.Column('filters', sa.JSON(), nullable=True))
    with op.batch_alter_table('saved_view', schema=None) as batch_op:
        name_type = sa.String(length=120).with_variant(sa.String(length=120, collation='C'), 'postgresql')
        batch_op.add_column(sa.Column('name_key', name_type, nullable=True))
        batch_op.add_column(sa.Column('shared_with_id', KEY, nullable=True))
    op.execute('UPDATE saved_view SET name_key = fold_text(name)')
    with op.batch_alter_table('saved_view', schema=None) as batch_op:
        batch_op.alter_column('name_key', existing_type=sa.String(length=120), nullable=False)
        batch_op.create_unique_constraint(
            batch_op.f('uq_saved_view_shared_with_id_screen_name_key'), ['shared_with_id', 'screen', 'name_key'])
        batch_op.create_foreign_key(
            batch_op.f('fk_saved_view_shared_with_id'), 'organisation', ['shared_with_id'], ['id'])
    with op.batch_alter_table('account', schema=None) as batch_op:
        batch_op.add_column(sa.Column('purpose', sa.String(length=120), nullable=True))
        batch_op.add_column(sa.Column('business_entity_id', KEY, nullable=True))
        batch_op.create_foreign_key(
            'fk_account_business_entity_id', 'business_entity',
            ['organisation_id', 'business_entity_id'], ['organisation_id', 'id'])
    create_call_markups()


def create_call_markups() -> None:
    op.create_table('call_markup',
    sa.Column('id', KEY, nullable=False),
    sa.Column('organisation_id', KEY, nullable=False),
    sa.Column('customer_id', KEY, nullable=False),
    sa.Column('call_class', sa.Enum('inbound', 'national', 'mobile', 'international', 'freephone', 'premium rate', 'other', name='call_class', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('percent', KEY, nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('percent BETWEEN -1000000 AND 10000000', name=op.f('ck_call_markup_percent')),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_call_markup_customer_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_call_markup_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_call_markup')),
    sa.UniqueConstraint('customer_id', 'call_class', name=op.f('uq_call_markup_customer_id_call_class')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_call_markup_organisation_id_id')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_call_markup_customer', 'call_markup', ['customer_id'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_call_markup_customer', table_name='call_markup')
    op.drop_table('call_markup')
    with op.batch_alter_table('account', schema=None) as batch_op:
        batch_op.drop_constraint('fk_account_business_entity_id', type_='foreignkey')
        batch_op.drop_column('business_entity_id')
        batch_op.drop_column('purpose')
    with op.batch_alter_table('saved_view', schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f('fk_saved_view_shared_with_id'), type_='foreignkey')
        batch_op.drop_constraint(batch_op.f('uq_saved_view_shared_with_id_screen_name_key'), type_='unique')
        batch_op.drop_column('shared_with_id')
        batch_op.drop_column('name_key')
    op.drop_column('list_preference', 'filters')
