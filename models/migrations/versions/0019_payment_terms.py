"""days and fixed day of payment terms"""

import sqlalchemy as sa
from alembic import op

revision = '0019'
down_revision = '0018'
branch_labels = None
depends_on = None

DAYS = 'days after the invoice'
DAY_OF_MONTH = 'day of the month'
OLD_CHECK = (
    f"(kind = '{DAYS}' AND value BETWEEN 0 AND 365) OR "
    f"(kind = '{DAY_OF_MONTH}' AND value BETWEEN -28 AND 31 AND value <> 0)"
)


def upgrade() -> None:
    with op.batch_alter_table('payment_terms') as batch_op:
        batch_op.add_column(sa.Column('days', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('fixed_day', sa.Integer(), nullable=True))
    op.execute(f"UPDATE payment_terms SET days = value WHERE kind = '{DAYS}'")
    op.execute(f"UPDATE payment_terms SET days = 0, fixed_day = value WHERE kind = '{DAY_OF_MONTH}'")
    with op.batch_alter_table('payment_terms') as batch_op:
        batch_op.drop_constraint(op.f('ck_payment_terms_value'), type_='check')
        batch_op.drop_constraint(op.f('ck_payment_terms_kind'), type_='check')
        batch_op.drop_column('value')
        batch_op.drop_column('kind')
        batch_op.alter_column('days', existing_type=sa.Integer(), nullable=False)
        batch_op.create_check_constraint(op.f('ck_payment_terms_days'), 'days BETWEEN 0 AND 365')
        batch_op.create_check_constraint(
            op.f('ck_payment_terms_fixed_day'),
            'fixed_day IS NULL OR (fixed_day BETWEEN -28 AND 31 AND fixed_day <> 0)',
        )


def downgrade() -> None:
    """Of terms with both, the fixed day is kept: an older version knows one of the two."""
    kind = sa.Enum(DAYS, DAY_OF_MONTH, name='kind', native_enum=False, create_constraint=True, length=40)
    with op.batch_alter_table('payment_terms') as batch_op:
        batch_op.add_column(sa.Column('kind', sa.String(length=40), nullable=True))
        batch_op.add_column(sa.Column('value', sa.Integer(), nullable=True))
    op.execute(f"UPDATE payment_terms SET kind = '{DAYS}', value = days WHERE fixed_day IS NULL")
    op.execute(f"UPDATE payment_terms SET kind = '{DAY_OF_MONTH}', value = fixed_day WHERE fixed_day IS NOT NULL")
    with op.batch_alter_table('payment_terms') as batch_op:
        batch_op.drop_constraint(op.f('ck_payment_terms_fixed_day'), type_='check')
        batch_op.drop_constraint(op.f('ck_payment_terms_days'), type_='check')
        batch_op.drop_column('fixed_day')
        batch_op.drop_column('days')
        batch_op.alter_column('kind', existing_type=sa.String(length=40), type_=kind, nullable=False)
        batch_op.alter_column('value', existing_type=sa.Integer(), nullable=False)
        batch_op.create_check_constraint(op.f('ck_payment_terms_value'), OLD_CHECK)
