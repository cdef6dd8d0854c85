"""layouts of forms"""

import sqlalchemy as sa
from alembic import op

revision = '0014'
down_revision = '0013'
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), 'sqlite')


def upgrade() -> None:
    op.create_table('form_layout',
    sa.Column('id', KEY, nullable=False),
    sa.Column('organisation_id', KEY, nullable=False),
    sa.Column('owner', sa.Enum('customer', 'contract', 'invoice profile', name='owner', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('places', sa.JSON(), nullable=False),
    sa.Column('hidden', sa.JSON(), nullable=False),
    sa.Column('required', sa.JSON(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_form_layout_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_form_layout')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_form_layout_organisation_id_id')),
    sa.UniqueConstraint('organisation_id', 'owner', name=op.f('uq_form_layout_organisation_id_owner')),
    sqlite_autoincrement=True
    )


def downgrade() -> None:
    op.drop_table('form_layout')
