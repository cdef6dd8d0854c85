"""Searching customers by name, number or contact details, and other rows by fragments of their texts."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Join,
    Select,
    and_,
    column,
    false,
    func,
    inspect,
    or_,
    select,
    table,
    true,
    union,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import joinedload
from sqlalchemy.sql.compiler import SQLCompiler

from customerhub.core.permissions import Actor, select_visible
from models import Account, Customer, MergedCustomer
from models.base import Key, db
from models.keys import exact_key, fold_text, number_key
from models.searched import Searched

MIN_FRAGMENT_LENGTH = 3  # letters; below that no fragment is indexed and only beginnings are found
HIGHEST_CHARACTER = "\U0010ffff"
MAX_SUGGESTION_CANDIDATES = 200  # of so many customers that match, suggestions are the first by name


def build_search_condition(search_text: str) -> ColumnElement[bool]:
    """The condition that every word of `search_text` occurs in a customer's name, reference, account number, email
    address, contact number, registration or VAT number. Case and accents do not count. Words of one or two letters
    alone are found where name, reference or account number begins with them.
    """
    if has_only_short_words(search_text):
        return build_prefix_condition(search_text)
    return build_fragment_condition(search_text)


def build_prefix_condition(search_text: str) -> ColumnElement[bool]:
    """The condition that name, reference or account number begins with `search_text`, whatever its case."""
    return or_(*(condition for _, condition in list_ranges(search_text)))


def build_fragment_condition(search_text: str) -> ColumnElement[bool]:
    """The condition that a customer has every word, of which one is long enough for the index of fragments."""
    words = fold_text(search_text).split()
    if not is_sqlite():
        return _build_words_condition(words)
    short_words = [word for word in words if len(word) < MIN_FRAGMENT_LENGTH]
    return and_(Customer.id.in_(_select_fragment_ids(words)), _build_words_condition(short_words))


def select_fragment_matches(query: Select[Any], model: type[Searched], search_text: str) -> Select[Any]:
    """The rows of `query`, one over `model`, that have every word of `search_text`, in no order; none where no word is
    long enough for the index of fragments.

    On PostgreSQL what follows in the transaction is planned for searching.
    """
    if has_only_short_words(search_text):
        return query.where(false())
    words = fold_text(search_text).split()
    if not is_sqlite():
        _plan_for_searching()
        return query.where(_build_words_condition(words, model))
    found = _select_fragment_ids(words, model).subquery()
    key: Any = inspect(model).primary_key[0]
    short_words = [word for word in words if len(word) < MIN_FRAGMENT_LENGTH]
    joined = query.select_from(OrderedJoin(found, inspect(model).local_table, found.c.rowid == key))
    return joined.where(_build_words_condition(short_words, model))


def list_ranges(search_text: str) -> list[tuple[str, ColumnElement[bool]]]:
    """(column, condition) of each range of an index in which customers are whose name, reference or account number
    begins with `search_text`.

    Account numbers are kept as they were typed; ranges of the index that hold both cases are quicker than folding them.
    """
    bare = " ".join(search_text.split())
    prefixes = {
        Customer.sort_name: (fold_text(search_text),),
        Customer.reference_key: dict.fromkeys((fold_text(search_text), exact_key(search_text) or "")),
        Customer.account_number: dict.fromkeys((bare, bare.lower(), bare.upper())),
    }
    return [
        (column.key, column.between(start, start + HIGHEST_CHARACTER))
        for column, several in prefixes.items()
        for start in several
    ]


def build_row_condition(search_text: str) -> ColumnElement[bool]:
    """As `build_search_condition`, to be tested on a row at hand."""
    if has_only_short_words(search_text):
        return build_prefix_condition(search_text)
    return _build_words_condition(fold_text(search_text).split())


def build_candidate_condition(search_text: str) -> ColumnElement[bool]:
    """The condition on a row at hand that an index names it for `search_text`: PostgreSQL's index of fragments has
    pieces of three letters, whose rows are looked at for the words.
    """
    if has_only_short_words(search_text) or is_sqlite():
        return build_row_condition(search_text)
    words = fold_text(search_text).split()
    pieces = (word[start : start + MIN_FRAGMENT_LENGTH] for word in words for start in range(len(word)))
    return _build_words_condition([piece for piece in dict.fromkeys(pieces) if len(piece) == MIN_FRAGMENT_LENGTH])


def has_only_short_words(search_text: str) -> bool:
    """Whether no word is long enough for the index of fragments."""
    return all(len(word) < MIN_FRAGMENT_LENGTH for word in fold_text(search_text).split())


def _build_words_condition(words: list[str], model: Any = Customer) -> ColumnElement[bool]:
    """The condition that a row's text has every word. PostgreSQL finds such rows in its index, SQLite looks at each."""
    return and_(true(), *(model.search_text.contains(word, autoescape=True) for word in words))


def _select_fragment_ids(words: list[str], model: Any = Customer) -> Select[Any]:
    """The ids in SQLite's index of fragments that have every word, as far as that is long enough."""
    index = table(f"{model.__tablename__}_search", column("rowid", Key), column("search_text"))
    match_expression = " AND ".join(
        '"' + word.replace('"', '""') + '"' for word in words if len(word) >= MIN_FRAGMENT_LENGTH
    )
    return select(index.c.rowid).where(index.c.search_text.op("MATCH")(match_expression))


def is_sqlite() -> bool:
    """Whether fragments are found in SQLite's index of its own."""
    return db.session.get_bind().dialect.name == "sqlite"


def select_matching_ids(query: Select[Any], search_text: str) -> Select[Any]:
    """The ids of the customers of `query` that `search_text` matches, in no order.

    On PostgreSQL what follows in the transaction is planned for searching.
    """
    return _select_matches(query, search_text, [Customer.id])


def select_first_matches(query: Select[Any], search_text: str, columns: Sequence[Any], max_count: int) -> Select[Any]:
    """`columns` of the customers of `query` that `search_text` matches, in no order; where there are more than
    `max_count`, of one more than that. Else as `select_matching_ids`.
    """
    return _select_matches(query, search_text, columns, max_count).limit(max_count + 1)


def _select_matches(
    query: Select[Any], search_text: str, columns: Sequence[Any], max_count: int | None = None
) -> Select[Any]:
    matches = query.with_only_columns(*columns)
    if not is_sqlite():
        _plan_for_searching()
    words = fold_text(search_text).split()
    if has_only_short_words(search_text):
        limit = None if max_count is None else max_count + 1
        parts = (matches.where(part).limit(limit).subquery() for _, part in list_ranges(search_text))
        return select(union(*(select(part) for part in parts)).subquery())
    if not is_sqlite():
        return matches.where(_build_words_condition(words))
    found = _select_fragment_ids(words).subquery()
    short_words_condition = _build_words_condition([word for word in words if len(word) < MIN_FRAGMENT_LENGTH])
    return matches.select_from(OrderedJoin(found, Customer.__table__, found.c.rowid == Customer.id)).where(
        short_words_condition
    )


class OrderedJoin(Join):
    """A join that SQLite reads from left to right: left to choose, it asks its index of fragments of each customer."""

    inherit_cache = True


@compiles(OrderedJoin, "sqlite")
def _compile_ordered_join(join: OrderedJoin, compiler: SQLCompiler, **options: Any) -> str:
    text: str = compiler.visit_join(join, **options)  # type: ignore[no-untyped-call]
    return text.replace(" JOIN ", " CROSS JOIN ", 1)


def _plan_for_searching() -> None:
    """PostgreSQL plans each statement for the words at hand, although it has run before with others: what is best for
    it depends on how common they are. And it asks indexes: reading the table until there are enough would start
    anywhere, maybe among the customers of another organisation, who lie together.
    """
    settings = {"plan_cache_mode": "force_custom_plan", "enable_seqscan": "off"}
    db.session.execute(select(*(func.set_config(name, value, True) for name, value in settings.items())))


# --- One customer, or a handful ------------------------------------------------------------------------------


def find_exact_match(search_text: str, actor: Actor) -> Customer | None:
    """The one customer with exactly this reference or account number, of any of its accounts; else the one with this
    VAT or registration number; else the one that took the place of a customer who had it.
    """
    key = exact_key(search_text) or ""
    account = select(Account.customer_id).where(
        Account.organisation_id == actor.organisation_id, Account.number == search_text.strip()
    )
    registered = number_key(search_text) or ""
    queries = (
        _select_any(
            actor,
            Customer.reference_key == key,
            Customer.account_number == search_text.strip(),
            Customer.id.in_(account),
        ),
        _select_any(actor, Customer.vat_key == registered, Customer.registration_key == registered),
        _select_merged_customers(search_text, actor),
    )
    for query in queries:
        found = list(db.session.scalars(query.limit(2)))
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _select_any(actor: Actor, *conditions: ColumnElement[bool]) -> Select[Any]:
    """The customers that meet one of `conditions`, each found in an index of its own: SQLite has none for all of them
    at once, because each begins with the organisation.
    """
    ids = select_visible(Customer, actor).with_only_columns(Customer.id)
    return select(Customer).where(Customer.id.in_(union(*(ids.where(condition) for condition in conditions))))


def _select_merged_customers(search_text: str, actor: Actor) -> Select[Any]:
    """The customers into whom one with this reference or account number was merged."""
    merged_ids = select(MergedCustomer.into_id).where(
        MergedCustomer.organisation_id == actor.organisation_id,
        or_(
            MergedCustomer.account_number == search_text.strip(),
            MergedCustomer.reference_key == (exact_key(search_text) or ""),
        ),
    )
    return select_visible(Customer, actor).where(Customer.id.in_(merged_ids))


def list_suggestions(
    search_text: str, actor: Actor, limit: int, *, condition: ColumnElement[bool] | None = None
) -> list[Customer]:
    """At most `limit` customers for suggestions, of those that meet `condition`: those that begin with what was typed
    come first.
    """
    if not fold_text(search_text):
        return []
    query: Select[Any] = select_visible(Customer, actor).where(true() if condition is None else condition)
    parts = (_select_first_ids(query, part, limit).subquery() for _, part in list_ranges(search_text))
    suggestions = _load_by_name(
        select(Customer).where(Customer.id.in_(union(*(select(part.c.id) for part in parts)))), limit
    )
    if len(suggestions) < limit and len(fold_text(search_text)) >= MIN_FRAGMENT_LENGTH:
        remaining_query = query.where(Customer.id.not_in([customer.id for customer in suggestions]))
        candidates = select_matching_ids(remaining_query, search_text).limit(MAX_SUGGESTION_CANDIDATES).subquery()
        suggestions += _load_by_name(
            select(Customer).where(Customer.id.in_(select(candidates.c[0]))), limit - len(suggestions)
        )
    return suggestions


def _select_first_ids(query: Select[Any], condition: ColumnElement[bool], limit: int) -> Select[Any]:
    return query.with_only_columns(Customer.id).where(condition).order_by(condition.left).limit(limit)


def _load_by_name(query: Select[Any], limit: int) -> list[Customer]:
    ordered_query = query.options(joinedload(Customer.status)).order_by(Customer.sort_name, Customer.id).limit(limit)
    return list(db.session.scalars(ordered_query))
