"""references of merged customers by key; keys without characters that nobody sees; searching without accents; leases"""

import unicodedata
from collections.abc import Iterable

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import IntegrityError

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None

RANGES = (
    *((0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x2800, 0x2800), (0x3164, 0x3164), (0xFE00, 0xFE0F)),
    *((0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A)),
    (0xE0000, 0xE0FFF),
)
INVISIBLE = {code: None for first, last in RANGES for code in range(first, last + 1)}
RENAMED = (('periodic_run', 'told', 'message'), ('mail_outage', 'told', 'error'))
KEYS = (
    ('customer', 'reference_key'),
    ('customer', 'sort_name'),
    ('customer', 'search_text'),
    ('hub_user', 'email_key'),
)


# What SQLite is given by models/folding.py. Plain texts, which most are, take the short way.
FOLD_TEXT = """
CREATE FUNCTION fold_text(value text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $fold$
SELECT CASE WHEN value ~ '[^\\x01-\\x7f]' THEN
    btrim(regexp_replace(normalize(translate(
        replace(replace(replace(replace({lowered}, 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'),
        'øđðħłŧıς', 'oddhltiσ'), NFC), '\\s+', ' ', 'g'))
ELSE lower(value) END
$fold$
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == 'postgresql':
        create_fold_text()
    with op.batch_alter_table('merged_customer', schema=None) as batch_op:
        batch_op.add_column(sa.Column('reference_key', sa.String(length=80), nullable=True))
        batch_op.create_index('ix_merged_customer_reference', ['organisation_id', 'reference_key'], unique=False)

    for table in ('customer_import', 'list_export'):
        with op.batch_alter_table(table, schema=None) as batch_op:
            batch_op.add_column(sa.Column('claimed_until', sa.DateTime(timezone=True), nullable=True))

    for table, column, name in RENAMED:
        op.execute(f'ALTER TABLE {table} RENAME COLUMN {column} TO {name}')
    rename_job('jobs.housekeeping.tidy', 'jobs.housekeeping.clean_up')

    fill_merged_references()
    for table, column in (*KEYS, *list_named_tables()):
        remove_invisible(table, column)


def create_fold_text() -> None:
    marks = [code for code in range(0x10000) if unicodedata.combining(chr(code))]
    unwanted = describe_characters([*marks, *(code for code in INVISIBLE if code not in range(0xD800, 0xE000))])
    bare = f"regexp_replace(normalize(value, NFKD), '[{unwanted}]', '', 'g')"
    by_icu = op.get_bind().scalar(sa.text("SELECT count(*) FROM pg_collation WHERE collname = 'und-x-icu'"))
    collation = 'und-x-icu' if by_icu else 'default'
    statement = FOLD_TEXT.format(lowered=f'lower(({bare}) COLLATE "{collation}")')
    op.get_bind().exec_driver_sql(statement.replace('%', '%%'))


def describe_characters(codes: Iterable[int]) -> str:
    """These characters as a class of a regular expression."""
    ranges: list[list[int]] = []
    for code in sorted(codes):
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return ''.join(f'\\U{first:08x}-\\U{last:08x}' for first, last in ranges)


def list_named_tables() -> list[tuple[str, str]]:
    """The tables whose rows are compared by name or code, with the column of the key."""
    inspector = sa.inspect(op.get_bind())
    return [
        (table, column['name'])
        for table in sorted(inspector.get_table_names())
        for column in inspector.get_columns(table)
        if column['name'] in ('name_key', 'code_key')
    ]


def fill_merged_references() -> None:
    merged = sa.table('merged_customer', sa.column('id', sa.BigInteger()), sa.column('reference', sa.String()),
                      sa.column('reference_key', sa.String()))
    connection = op.get_bind()
    for key, reference in connection.execute(sa.select(merged.c.id, merged.c.reference)).all():
        if reference:
            visible = ' '.join(reference.translate(INVISIBLE).split())
            connection.execute(merged.update().where(merged.c.id == key).values(
                reference_key=unicodedata.normalize('NFC', visible.casefold())[:80] or None))


def remove_invisible(table: str, column: str) -> None:
    """Two rows that become the same stay as they are: which of them is meant, nobody but their owner knows."""
    rows = sa.table(table, sa.column('id', sa.BigInteger()), sa.column(column, sa.String()))
    connection = op.get_bind()
    beyond_ascii = '{} ~ \'[^\\x01-\\x7f]\'' if connection.dialect.name == 'postgresql' else '{} GLOB \'*[^\x01-\x7f]*\''
    found = connection.execute(sa.select(rows.c.id, rows.c[column]).where(sa.text(beyond_ascii.format(column)))).all()
    for key, text in found:
        visible = ' '.join(text.translate(INVISIBLE).split())
        if visible and visible != text:
            try:
                with connection.begin_nested():
                    connection.execute(rows.update().where(rows.c.id == key).values({column: visible}))
            except IntegrityError:
                pass


def rename_job(old: str, new: str) -> None:
    runs = sa.table('periodic_run', sa.column('name', sa.String()))
    op.get_bind().execute(runs.update().where(runs.c.name == old).values(name=new))


def downgrade() -> None:
    rename_job('jobs.housekeeping.clean_up', 'jobs.housekeeping.tidy')
    for table, column, name in RENAMED:
        op.execute(f'ALTER TABLE {table} RENAME COLUMN {name} TO {column}')
    if op.get_bind().dialect.name == 'postgresql':
        op.execute('DROP FUNCTION fold_text(text)')
    with op.batch_alter_table('merged_customer', schema=None) as batch_op:
        batch_op.drop_index('ix_merged_customer_reference')
    op.execute('ALTER TABLE merged_customer DROP COLUMN reference_key')
    for table in ('customer_import', 'list_export'):
        op.execute(f'ALTER TABLE {table} DROP COLUMN claimed_until')
