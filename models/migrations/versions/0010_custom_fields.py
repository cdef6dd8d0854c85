"""fields that organisations add to customers, contracts and invoice profiles"""

import sqlalchemy as sa
from alembic import op

revision = '0010'
down_revision = '0009'
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')
OWNERS = ('customer', 'contract', 'invoice_profile')
TYPED_COLUMNS = ('text', 'number', 'day', 'choice_id', 'yes')
INDEXED_COLUMNS = ('text_key', 'number', 'day', 'choice_id', 'yes')


def sorted_text(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation='C'), 'postgresql')


def upgrade() -> None:
    op.add_column('organisation', sa.Column('custom_fields_token', sa.String(length=32), nullable=True))
    op.create_table('custom_field',
    sa.Column('id', KEY, nullable=False),
    sa.Column('organisation_id', KEY, nullable=False),
    sa.Column('owner', sa.Enum('customer', 'contract', 'invoice profile', name='owner', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('key', sa.String(length=40), nullable=False),
    sa.Column('name', sa.String(length=80), nullable=False),
    sa.Column('name_key', sorted_text(160), nullable=True),
    sa.Column('kind', sa.Enum('text', 'number', 'amount', 'date', 'choice', 'yes or no', 'link', name='kind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('help', sa.String(length=300), nullable=True),
    sa.Column('requirement', sa.Enum('optional', 'required', 'required, also of prospects', name='requirement', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('tab', sa.String(length=40), nullable=True),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('removed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('length(key) > 0', name=op.f('ck_custom_field_key')),
    sa.CheckConstraint('length(name) > 0', name=op.f('ck_custom_field_name')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_custom_field_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_custom_field')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_custom_field_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'owner', 'key', name=op.f('uq_custom_field_organisation_id_owner_key')),
    sa.UniqueConstraint('organisation_id', 'owner', 'name_key', name=op.f('uq_custom_field_organisation_id_owner_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('custom_field_choice',
    sa.Column('id', KEY, nullable=False),
    sa.Column('organisation_id', KEY, nullable=False),
    sa.Column('field_id', KEY, nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sorted_text(240), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'field_id'], ['custom_field.organisation_id', 'custom_field.id'], name='fk_custom_field_choice_field_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_custom_field_choice_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_custom_field_choice')),
    sa.UniqueConstraint('organisation_id', 'field_id', 'id', name=op.f('uq_custom_field_choice_organisation_id_field_id_id')),
    sa.UniqueConstraint('field_id', 'name_key', name=op.f('uq_custom_field_choice_field_id_name_key')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_custom_field_choice_organisation_id_id')),
    sqlite_autoincrement=True
    )
    for owner in OWNERS:
        create_value_table(owner)


def create_value_table(owner: str) -> None:
    name = f'{owner}_custom_value'
    count = ' + '.join(f'CASE WHEN {column} IS NULL THEN 0 ELSE 1 END' for column in TYPED_COLUMNS)
    op.create_table(name,
    sa.Column('owner_id', KEY, nullable=False),
    sa.Column('field_id', KEY, nullable=False),
    sa.Column('organisation_id', KEY, nullable=False),
    sa.Column('text', sa.String(length=300), nullable=True),
    sa.Column('text_key', sorted_text(600), nullable=True),
    sa.Column('number', KEY, nullable=True),
    sa.Column('day', sa.Date(), nullable=True),
    sa.Column('choice_id', KEY, nullable=True),
    sa.Column('yes', sa.Boolean(), nullable=True),
    sa.CheckConstraint(f'{count} = 1', name=op.f(f'ck_{name}_one_value')),
    sa.CheckConstraint('(text IS NULL) = (text_key IS NULL)', name=op.f(f'ck_{name}_text_key')),
    sa.ForeignKeyConstraint(['organisation_id', 'owner_id'], [f'{owner}.organisation_id', f'{owner}.id'], name=f'fk_{name}_owner_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id', 'field_id'], ['custom_field.organisation_id', 'custom_field.id'], name=f'fk_{name}_field_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'field_id', 'choice_id'], ['custom_field_choice.organisation_id', 'custom_field_choice.field_id', 'custom_field_choice.id'], name=f'fk_{name}_choice_id'),
    sa.PrimaryKeyConstraint('owner_id', 'field_id', name=op.f(f'pk_{name}')),
    sqlite_with_rowid=False
    )
    for column in INDEXED_COLUMNS:
        is_filled = sa.text(f'{column} IS NOT NULL')
        op.create_index(f'ix_{name}_{column}', name, ['field_id', column, 'owner_id'], unique=False,
            postgresql_where=is_filled, sqlite_where=is_filled)


def downgrade() -> None:
    for owner in OWNERS:
        op.drop_table(f'{owner}_custom_value')
    op.drop_table('custom_field_choice')
    op.drop_table('custom_field')
    op.execute('ALTER TABLE organisation DROP COLUMN custom_fields_token')
