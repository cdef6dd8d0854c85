"""searching contracts, orders, contact persons, accounts and VAT numbers; single-key shortcuts"""

import sqlalchemy as sa
from alembic import op

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None

# What each table is searched by, and which rows of it.
SEARCHED = {
    'account': ("fold_text(number)", 'NOT is_main'),
    'contact': ("fold_text(name || coalesce(' ' || email, '') || coalesce(' ' || phone, ''))", 'true'),
    'contract': ("fold_text(number || ' ' || name)", 'true'),
    'customer_order': ("fold_text(number || ' ' || description)", 'true'),
}
# A number with blanks or points is searched without them too.
KEY = ("CASE WHEN {0}_key IS NULL OR fold_text({0}_key) = fold_text({0}_number) THEN '' "
       "ELSE ' ' || fold_text({0}_key) END")


def upgrade() -> None:
    """SQLite's tables keep their triggers: columns are added by statements that do not make them anew."""
    is_postgresql = op.get_bind().dialect.name == 'postgresql'
    for table, (text, condition) in SEARCHED.items():
        op.execute(f'ALTER TABLE {table} ADD COLUMN search_text TEXT')
        op.execute(f'UPDATE {table} SET search_text = {text} WHERE {condition}')
        if is_postgresql:
            add_to_postgresql(table)
        else:
            add_to_sqlite(table)
    op.execute(
        f"UPDATE customer SET search_text = search_text || {KEY.format('registration')} "
        f"|| coalesce(' ' || fold_text(vat_number), '') || {KEY.format('vat')} "
        'WHERE vat_number IS NOT NULL OR registration_number IS NOT NULL'
    )
    op.add_column('hub_user', sa.Column('single_key_shortcuts', sa.Boolean(), server_default=sa.true(), nullable=False))


def add_to_postgresql(table: str) -> None:
    op.create_index(
        f'ix_{table}_search_text', table, ['search_text'], postgresql_using='gin',
        postgresql_ops={'search_text': 'gin_trgm_ops'},
    )


def add_to_sqlite(table: str) -> None:
    """The table for search by fragments, kept by triggers; it has no rows for what is not searched."""
    index = f'{table}_search'
    op.execute(
        f"CREATE VIRTUAL TABLE {index} USING fts5("
        f"search_text, content='{table}', content_rowid='id', tokenize='trigram')"
    )
    op.execute(f'INSERT INTO {index}(rowid, search_text) SELECT id, search_text FROM {table} '
               'WHERE search_text IS NOT NULL')
    gone = (f"INSERT INTO {index}({index}, rowid, search_text) "
            "SELECT 'delete', old.id, old.search_text WHERE old.search_text IS NOT NULL")
    come = (f'INSERT INTO {index}(rowid, search_text) '
            'SELECT new.id, new.search_text WHERE new.search_text IS NOT NULL')
    op.execute(f'CREATE TRIGGER {index}_insert AFTER INSERT ON {table} BEGIN {come}; END')
    op.execute(f'CREATE TRIGGER {index}_delete AFTER DELETE ON {table} BEGIN {gone}; END')
    op.execute(f'CREATE TRIGGER {index}_update AFTER UPDATE OF search_text ON {table} BEGIN {gone}; {come}; END')


def downgrade() -> None:
    is_postgresql = op.get_bind().dialect.name == 'postgresql'
    op.execute('ALTER TABLE hub_user DROP COLUMN single_key_shortcuts')
    for table in SEARCHED:
        if is_postgresql:
            op.drop_index(f'ix_{table}_search_text', table)
        else:
            for event in ('insert', 'delete', 'update'):
                op.execute(f'DROP TRIGGER {table}_search_{event}')
            op.execute(f'DROP TABLE {table}_search')
        op.execute(f'ALTER TABLE {table} DROP COLUMN search_text')
