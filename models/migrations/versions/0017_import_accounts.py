"""rows of the sheet of accounts among the rows of an import"""

import sqlalchemy as sa
from alembic import op

revision = '0017'
down_revision = '0016'
branch_labels = None
depends_on = None

OUTCOME_INDEX = 'ix_import_row_outcome'
OLD_KEY = 'uq_import_row_import_id_row_number'
NEW_KEY = 'uq_import_row_import_id_is_account_row_number'


def upgrade() -> None:
    op.drop_index(OUTCOME_INDEX, table_name='import_row')
    with op.batch_alter_table('import_row', schema=None) as batch_op:
        batch_op.add_column(sa.Column('is_account', sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.drop_constraint(OLD_KEY, type_='unique')
        batch_op.create_unique_constraint(NEW_KEY, ['import_id', 'is_account', 'row_number'])
    op.create_index(OUTCOME_INDEX, 'import_row', ['import_id', 'outcome', 'is_account', 'row_number'])


def downgrade() -> None:
    """The older version knows no rows of accounts: those of past imports are dropped."""
    op.execute(sa.text('DELETE FROM import_row WHERE is_account'))
    op.drop_index(OUTCOME_INDEX, table_name='import_row')
    with op.batch_alter_table('import_row', schema=None) as batch_op:
        batch_op.drop_constraint(NEW_KEY, type_='unique')
        batch_op.create_unique_constraint(OLD_KEY, ['import_id', 'row_number'])
        batch_op.drop_column('is_account')
    op.create_index(OUTCOME_INDEX, 'import_row', ['import_id', 'outcome', 'row_number'])
