"""tags of customers"""

import sqlalchemy as sa
from alembic import op

revision = '0015'
down_revision = '0014'
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def sorted_text(length: int) -> sa.String:
    return sa.String(length).with_variant(sa.String(length, collation='C'), 'postgresql')


def upgrade() -> None:
    op.create_table('tag',
    sa.Column('id', KEY, nullable=False),
    sa.Column('organisation_id', KEY, nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('name_key', sorted_text(240), nullable=False),
    sa.Column('colour', sa.Enum('grey', 'blue', 'green', 'amber', 'red', 'violet', 'teal', name='colour', native_enum=False, create_constraint=True, length=40), server_default='grey', nullable=False),
    sa.Column('active', sa.Boolean(), server_default=sa.true(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_tag_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_tag')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_tag_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'name_key', name=op.f('uq_tag_organisation_id_name_key')),
    sqlite_autoincrement=True
    )
    op.create_table('customer_tag',
    sa.Column('customer_id', KEY, nullable=False),
    sa.Column('tag_id', KEY, nullable=False),
    sa.Column('organisation_id', KEY, nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'customer_id'], ['customer.organisation_id', 'customer.id'], name='fk_customer_tag_customer_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id', 'tag_id'], ['tag.organisation_id', 'tag.id'], name='fk_customer_tag_tag_id'),
    sa.PrimaryKeyConstraint('customer_id', 'tag_id', name=op.f('pk_customer_tag'))
    )
    op.create_index('ix_customer_tag_tag', 'customer_tag', ['tag_id'], unique=False)


def downgrade() -> None:
    op.drop_table('customer_tag')
    op.drop_table('tag')
