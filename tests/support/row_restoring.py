"""Puts the rows of a PostgreSQL database back in place, which takes far less than a new copy of the database."""

from collections.abc import Iterable

import psycopg
from psycopg import sql

Fingerprints = dict[str, tuple[int, int]]

# What the tables are made of.
_CATALOGS = ("pg_attribute", "pg_constraint", "pg_index", "pg_trigger", "pg_proc")
_OTHERS = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' ORDER BY 1"


def _build_fingerprint_query(tables: Iterable[str]) -> sql.Composed:
    """What each table holds, in two numbers: every change writes a row of a newer transaction or takes one away."""
    query = "SELECT {label} AS name, count(*), coalesce(max(xmin::text::bigint), 0) FROM {table}"
    return sql.SQL(" UNION ALL ").join(
        sql.SQL(query).format(label=sql.Literal(name), table=sql.Identifier(name)) for name in tables
    )


_STRUCTURE = _build_fingerprint_query(_CATALOGS)


class RowRestorer:
    """Remembers what is in the database at `url` and brings it back as often as asked."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(url, autocommit=True)
        self._connection.execute("SET session_replication_role = replica")  # neither foreign keys nor triggers
        tables = [name for (name,) in self._ask("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        self._contents = _build_fingerprint_query(tables)
        self._structure = self._read_fingerprints(_STRUCTURE)
        self._fingerprints = self._read_fingerprints(self._contents)
        self._rows = {name: self._copy_out(name) for name, (count, _) in self._fingerprints.items() if count}
        self._sequences = self._ask(_SEQUENCES)

    def restore(self) -> bool:
        """Bring the rows and the next numbers back. False where that is not enough: the tables are others now."""
        try:
            self._disconnect_others()
            if self._read_fingerprints(_STRUCTURE) != self._structure:
                return False
            current = self._read_fingerprints(self._contents)
            changed = [name for name, fingerprint in current.items() if fingerprint != self._fingerprints[name]]
            if changed:
                self._restore_tables(changed)
                self._fingerprints = self._read_fingerprints(self._contents)
            self._restore_sequences()
        except psycopg.OperationalError:  # the server or the database is another one now
            return False
        return True

    def close(self) -> None:
        self._connection.close()

    def _disconnect_others(self) -> None:
        while self._ask(_OTHERS):
            pass

    def _read_fingerprints(self, query: sql.Composed) -> Fingerprints:
        return {name: (count, newest) for name, count, newest in self._ask(query)}

    def _copy_out(self, table: str) -> bytes:
        command = sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))
        with self._connection.cursor() as cursor, cursor.copy(command) as copy:
            return b"".join(copy)

    def _restore_tables(self, tables: Iterable[str]) -> None:
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for table in tables:
                cursor.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
                if table in self._rows:
                    with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
                        copy.write(self._rows[table])

    def _restore_sequences(self) -> None:
        for before, now in zip(self._sequences, self._ask(_SEQUENCES), strict=True):
            if before != now:
                name, last = before
                self._connection.execute("SELECT setval(%s, %s, %s)", (f'public."{name}"', last or 1, last is not None))

    def _ask(self, query: str | sql.Composed) -> list[tuple]:
        return self._connection.execute(query, prepare=True).fetchall()
