"""the profile of the annual increase"""

from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None

PROFILE_CHECK = "annual_increase_profile IN ('none', 'CPI', 'RPI', 'fixed')"
PERCENT_CHECK = "annual_increase_profile <> 'fixed' OR annual_increase_percent IS NOT NULL"


def upgrade() -> None:
    """SQLite takes checks with a column only, and making the table anew would take its search index with it."""
    op.execute(
        "ALTER TABLE customer ADD COLUMN annual_increase_profile VARCHAR(40) DEFAULT 'none' NOT NULL\n"
        f"CONSTRAINT ck_customer_annual_increase_profile CHECK ({PROFILE_CHECK})\n"
        f"CONSTRAINT ck_customer_annual_increase CHECK ({PERCENT_CHECK})"
    )
    op.execute("UPDATE customer SET annual_increase_profile = 'fixed' WHERE annual_increase_percent IS NOT NULL")


def downgrade() -> None:
    op.execute('ALTER TABLE customer DROP COLUMN annual_increase_profile')
