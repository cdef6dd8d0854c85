"""What a list writes into a file: where each column's values are selected, and what becomes of them.

A list of 200,000 rows is read a thousand rows at a time, as plain values and not as objects. What a column shows of
the row that a row refers to is joined; what it shows of several rows is read for the whole thousand at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, BindParameter, ColumnElement, Select, any_, bindparam, select
from sqlalchemy.orm import aliased

from customerhub.core.spreadsheets import CellKind, Row, ValueCache
from models.base import db

_KEYS: Final[BindParameter[Any]] = bindparam(
    "keys", expanding=True
)  # the statement is made once, whichever rows it is to read


class Related:
    """What the row that a row refers to has in an attribute; None where it refers to none.

    The relations that lead there come first, the attribute last: Related(Customer.region, CatalogItem.name).
    """

    def __init__(self, *relations_and_attribute: Any) -> None:
        *self.relations, self.attribute = relations_and_attribute


@dataclass(frozen=True)
class Gathered:
    """`attribute` of all rows of a many-to-many relation, as a tuple in the order of the relation."""

    relation: Any
    attribute: Any


class Exported:
    """What an export writes for a column: values of `kind`, which `render` makes of what is selected.

    A source is an attribute of the list's table, an expression over it, `Related` or `Gathered`; `render` gets the
    value of each, and without it there is one source, written as it is. Without sources `render` gets the row as an
    object with what the column's `load_options` load, which takes many times as long: for lists that stay short.
    """

    def __init__(self, *sources: Any, kind: CellKind = CellKind.TEXT, render: Callable[..., Any] | None = None) -> None:
        if render is None and len(sources) != 1:
            raise TypeError("several sources, or none, need what makes a value of them")
        self.sources, self.kind, self.render = sources, kind, render


class ExportReader:
    """Reads the values of the columns of a list of `model` for rows with given keys.

    `base_query` selects the rows that may be seen. `objects` are the columns that need the row as an object, with
    the options to load it with.
    """

    def __init__(
        self, base_query: Select[Any], model: Any, exports: Sequence[Exported], load_options: Sequence[Any]
    ) -> None:
        self._model = model
        self._base_query = base_query
        self._load_options = load_options
        self._aliases: dict[tuple[str, ...], Any] = {}
        self._joined = base_query
        self._expressions: list[Any] = [model.id]
        self._gathered: list[Gathered] = []
        self._builders = [self._plan_column(each) for each in exports]
        self._needs_objects = any(not each.sources for each in exports)
        query = self._joined.with_only_columns(*self._expressions, maintain_column_froms=True)
        self._query = query.where(_build_key_condition(model.id))
        self._gather_queries = {each: _select_gathered(each) for each in self._gathered}

    def read_rows(self, keys: Sequence[int]) -> list[Row]:
        """The values of the rows with these keys, in their order; a row that is gone is left out."""
        selected = db.session.connection().execute(self._query, {_KEYS.key: keys}).all()
        by_key = {row[0]: row for row in selected}
        objects = self._load_objects(keys) if self._needs_objects else by_key
        found = [key for key in keys if key in by_key and key in objects]
        if not found:
            return []
        columns = list(zip(*(by_key[key] for key in found), strict=True))
        many = {each: self._gather(each, found) for each in self._gathered}
        rows = [objects[key] for key in found]
        values = [build(columns, many, rows) for build in self._builders]
        if self._needs_objects:
            for row in rows:
                db.session.expunge(row)
        return list(zip(*values, strict=True)) if values else [() for _ in found]

    # --- What is selected ----------------------------------------------------------------------------------

    def _plan_column(self, export: Exported) -> Callable[[Any, Any, Any], Sequence[Any]]:
        """What gives the values of a column from (selected columns, gathered values, objects)."""
        readers = [self._plan_source(source) for source in export.sources]
        render = export.render
        if render is None:
            read_values = readers[0]
            return lambda columns, many, _rows: read_values(columns, many)
        if not readers:
            return lambda _columns, _many, rows: [render(row) for row in rows]
        if len(readers) > 1:
            return lambda columns, many, _rows: list(map(render, *(read(columns, many) for read in readers)))
        cache = ValueCache(render)
        return lambda columns, many, _rows: list(map(cache.__getitem__, readers[0](columns, many)))

    def _plan_source(self, source: Any) -> Callable[[Any, Any], Sequence[Any]]:
        if isinstance(source, Gathered):
            self._gathered.append(source)
            return lambda _columns, many: many[source]
        expression = self._join(source) if isinstance(source, Related) else source
        place = len(self._expressions)
        self._expressions.append(expression)
        return lambda columns, _many: columns[place]

    def _join(self, source: Related) -> Any:
        """The attribute of the row that is joined for it; one join however many columns need it."""
        owner = self._model
        names: tuple[str, ...] = ()
        for relation in source.relations:
            names = (*names, relation.key)
            if names not in self._aliases:
                alias = aliased(relation.property.mapper.class_)
                self._aliases[names] = alias
                self._joined = self._joined.outerjoin(getattr(owner, relation.key).of_type(alias))
            owner = self._aliases[names]
        return getattr(owner, source.attribute.key)

    # --- What is read beside it ----------------------------------------------------------------------------

    def _gather(self, source: Gathered, keys: Sequence[int]) -> list[tuple[Any, ...]]:
        rows = db.session.connection().execute(self._gather_queries[source], {_KEYS.key: keys}).all()
        values: dict[int, list[Any]] = {}
        for row in sorted(rows, key=itemgetter(*range(2, len(rows[0])))) if rows else ():
            values.setdefault(row[0], []).append(row[1])
        return [tuple(values.get(key, ())) for key in keys]

    def _load_objects(self, keys: Sequence[int]) -> dict[int, Any]:
        query = self._base_query.where(_build_key_condition(self._model.id)).options(*self._load_options)
        return {row.id: row for row in db.session.scalars(query, {_KEYS.key: keys}).unique()}


def _build_key_condition(column: Any) -> ColumnElement[bool]:
    """That a column is one of the keys at hand. PostgreSQL takes them as one array: a thousand parameters take its
    client longer to write into a statement than the statement itself takes.
    """
    if db.engine.dialect.name == "postgresql":
        return column == any_(bindparam(_KEYS.key, type_=ARRAY(BigInteger)))
    return column.in_(_KEYS)


def _select_gathered(source: Gathered) -> Select[Any]:
    """The key of the row, the value, and what the values of a row are sorted by, which the database does not do: it
    would look through all the table's rows in that order.
    """
    relation = source.relation.property
    (_, key_column), *_ = relation.synchronize_pairs
    target = relation.mapper.class_
    return (
        select(key_column, source.attribute, *relation.order_by, target.id)
        .select_from(relation.secondary)
        .join(target, relation.secondaryjoin)
        .where(_build_key_condition(key_column))
    )
