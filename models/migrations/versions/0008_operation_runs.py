"""operations on many rows, as they are worked through"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('operation_run',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('screen', sa.String(length=60), nullable=False),
    sa.Column('operation', sa.String(length=60), nullable=False),
    sa.Column('title', sa.String(length=200), nullable=False),
    sa.Column('noun', sa.String(length=60), nullable=False),
    sa.Column('past_tense', sa.String(length=60), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('entries', sa.JSON(), nullable=False),
    sa.Column('undone_run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('state', sa.Enum('queued', 'checking', 'ready', 'saving', 'running', 'done', 'failed', 'cancelled', 'reverted', name='state', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('total_rows', sa.Integer(), nullable=False),
    sa.Column('done_rows', sa.Integer(), nullable=False),
    sa.Column('unchanged_rows', sa.Integer(), nullable=False),
    sa.Column('refused_rows', sa.Integer(), nullable=False),
    sa.Column('problem', sa.String(length=500), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('claimed_until', sa.DateTime(timezone=True), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.CheckConstraint('done_rows <= total_rows', name=op.f('ck_operation_run_done_rows')),
    sa.CheckConstraint('unchanged_rows + refused_rows <= done_rows', name=op.f('ck_operation_run_outcomes')),
    sa.ForeignKeyConstraint(['organisation_id', 'undone_run_id'], ['operation_run.organisation_id', 'operation_run.id'], name='fk_operation_run_undone_run_id'),
    sa.ForeignKeyConstraint(['user_id'], ['hub_user.id'], name=op.f('fk_operation_run_user_id')),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_operation_run_organisation_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_operation_run')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_operation_run_organisation_id_id')),
    sqlite_autoincrement=True
    )
    op.create_index('ix_operation_run_undone', 'operation_run', ['undone_run_id'])
    op.create_table('operation_run_row',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('row_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('seen_version', sa.Integer(), nullable=False),
    sa.Column('label', sa.String(length=200), nullable=True),
    sa.Column('outcome', sa.Enum('done', 'unchanged', 'refused', name='outcome', native_enum=False, create_constraint=True, length=40), nullable=True),
    sa.Column('message', sa.String(length=500), nullable=True),
    sa.Column('undo', sa.JSON(), nullable=True),
    sa.ForeignKeyConstraint(['run_id'], ['operation_run.id'], name=op.f('fk_operation_run_row_run_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_operation_run_row')),
    sa.UniqueConstraint('run_id', 'row_id', name=op.f('uq_operation_run_row_run_id_row_id'))
    )
    op.create_index('ix_operation_run_row_outcome', 'operation_run_row', ['run_id', 'outcome', 'id'])


def downgrade() -> None:
    op.drop_index('ix_operation_run_row_outcome', 'operation_run_row')
    op.drop_table('operation_run_row')
    op.drop_index('ix_operation_run_undone', 'operation_run')
    op.drop_table('operation_run')
