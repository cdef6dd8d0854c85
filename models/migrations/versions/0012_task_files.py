"""files of approval tasks"""

import sqlalchemy as sa
from alembic import op

revision = '0012'
down_revision = '0011'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('task_file',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('organisation_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('task_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('file_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('user_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('note', sa.String(length=200), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('version', sa.Integer(), server_default='1', nullable=False),
    sa.ForeignKeyConstraint(['organisation_id', 'file_id'], ['stored_file.organisation_id', 'stored_file.id'], name='fk_task_file_file_id'),
    sa.ForeignKeyConstraint(['organisation_id', 'task_id'], ['approval_task.organisation_id', 'approval_task.id'], name='fk_task_file_task_id', ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['organisation_id'], ['organisation.id'], name=op.f('fk_task_file_organisation_id')),
    sa.ForeignKeyConstraint(['user_id'], ['hub_user.id'], name=op.f('fk_task_file_user_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_task_file')),
    sa.UniqueConstraint('file_id', name=op.f('uq_task_file_file_id')),
    sa.UniqueConstraint('organisation_id', 'id', name=op.f('uq_task_file_organisation_id_id')),
    sqlite_autoincrement=True
    )
    with op.batch_alter_table('task_file', schema=None) as batch_op:
        batch_op.create_index('ix_task_file_task', ['task_id', 'id'], unique=False)


def downgrade() -> None:
    with op.batch_alter_table('task_file', schema=None) as batch_op:
        batch_op.drop_index('ix_task_file_task')

    op.drop_table('task_file')
