"""presets of exports, the separator of CSV files"""

import sqlalchemy as sa
from alembic import op

revision = '0016'
down_revision = '0015'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """SQLite takes a check with a column only, and making the table anew would take every key that leads to it."""
    op.execute(
        "ALTER TABLE organisation ADD COLUMN list_separator VARCHAR(40) DEFAULT 'comma' NOT NULL\n"
        "CONSTRAINT ck_organisation_list_separator CHECK (list_separator IN ('comma', 'semicolon'))"
    )
    op.add_column('list_preference', sa.Column('export_presets', sa.JSON(), nullable=True))


def downgrade() -> None:
    op.drop_column('list_preference', 'export_presets')
    op.execute('ALTER TABLE organisation DROP COLUMN list_separator')
