"""The set-up rows that cells refer to by name, and names for what the history and the preview show."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, literal, select, true, union_all

from customerhub.core.errors import Invalid
from customerhub.customers.choice_rules import CHOICE_RULES
from models import CatalogItem, Dealer, Department, NotificationTemplate, Tag
from models.base import db
from models.keys import fold_text

MAX_SUGGESTIONS = 5  # how many names a refusal lists
_NAME_SEPARATOR = "[,;\n]"


class Lookup:
    """The rows of one list of set-up data, by name. Those no longer in use are known, but not to be chosen anew.

    Where several have a name, the one in use is meant; where it is not the only one, the name means none of them.
    """

    def __init__(self, noun: str, rows: list[tuple[int, str, bool]]) -> None:
        self._noun = noun
        self._noun_with_article = f"{'an' if noun.lower().startswith(('a', 'e', 'i', 'o')) else 'a'} {noun}"
        self._ids = _index_by_name(rows)
        self._names = {number: name for number, name, _ in rows}
        self._longest_name = max((len(re.split(_NAME_SEPARATOR, name)) for name in self._names.values()), default=1)
        self.retired = frozenset(number for number, _, active in rows if not active)

    @property
    def choices(self) -> list[str]:
        """The names in use that mean one row, in the order of the lists."""
        return [
            name
            for number, name in self._names.items()
            if number not in self.retired and self._ids[fold_text(name)] == number
        ]

    def get_id(self, text: str) -> int:
        """The id of the row called `text`, whatever its case and accents. Raises Invalid."""
        key = fold_text(text)
        if key not in self._ids:
            raise Invalid(f"“{text.strip()[:60]}” is not {self._noun_with_article}{self._describe_choices()}")
        row_id = self._ids[key]
        if row_id is None:
            name = text.strip()[:60]
            raise Invalid(f"Several entries of the set-up have the name “{name}”. Choose the {self._noun} in the form")
        return row_id

    def get_ids(self, text: str) -> tuple[int, ...]:
        """The ids of the rows named in `text`, with commas, semicolons or line breaks between them, in ascending order.

        A name may contain these itself: the longest one that is known counts.
        """
        found = self.find_names(text)
        return tuple(sorted({self.get_id(name) if row_id is None else row_id for row_id, name in found}))

    def find_names(self, text: str) -> Iterator[tuple[int | None, str]]:
        """(id of the row, name) of each name in `text`, told apart as by `get_ids`; no id of one that is unknown."""
        pieces = re.split(f"({_NAME_SEPARATOR})", text)  # names and separators by turns
        start = 0
        while start < len(pieces):
            end = self._find_end(pieces, start)
            if name := "".join(pieces[start:end]).strip():
                yield self._ids.get(fold_text(name)), name
            start = end + 1

    def _find_end(self, pieces: list[str], start: int) -> int:
        """Where the longest name ends that begins with the piece at `start`; the end of the piece if there is none."""
        for end in range(min(len(pieces), start + 2 * self._longest_name - 1), start, -2):
            if fold_text("".join(pieces[start:end])) in self._ids:
                return end
        return start + 1

    def format_names(self, chosen_ids: int | tuple[int, ...] | None) -> str | None:
        """The name or names behind what `get_id` or `get_ids` gave."""
        if chosen_ids is None or chosen_ids == ():
            return None
        if isinstance(chosen_ids, int):
            return self._names.get(chosen_ids, f"#{chosen_ids}")
        return ", ".join(sorted(self._names.get(number, f"#{number}") for number in chosen_ids))

    def has_all(self, chosen_ids: int | tuple[int, ...] | None) -> bool:
        """Whether what was chosen is still there."""
        if chosen_ids is None:
            return True
        numbers = (chosen_ids,) if isinstance(chosen_ids, int) else chosen_ids
        return all(number in self._names for number in numbers)

    def is_same_name(self, one: int | tuple[int, ...] | None, other: int | tuple[int, ...]) -> bool:
        """Whether these are two rows that are called alike."""
        if not (isinstance(one, int) and isinstance(other, int) and one in self._names):
            return False
        return fold_text(self._names[one]) == fold_text(self._names[other])

    def refuse_retired(self, chosen_ids: int | tuple[int, ...]) -> None:
        """Raises Invalid where a row that is no longer in use is among `chosen_ids`."""
        for number in (chosen_ids,) if isinstance(chosen_ids, int) else chosen_ids:
            if number in self.retired:
                raise Invalid(f"“{self._names[number]}” is no longer in use{self._describe_choices()}")

    def _describe_choices(self) -> str:
        choices = self.choices
        if not choices:
            return f". There is none yet: add {self._noun_with_article} under Set-up"
        more = " …" if len(choices) > MAX_SUGGESTIONS else ""
        return f": {', '.join(choices[:MAX_SUGGESTIONS])}{more}"


def _index_by_name(rows: list[tuple[int, str, bool]]) -> dict[str, int | None]:
    """The id that each name, made comparable, means; None where it is unclear which of several rows is meant."""
    ids: dict[str, list[int]] = {}
    active_ids: dict[str, list[int]] = {}
    for number, name, active in rows:
        ids.setdefault(fold_text(name), []).append(number)
        if active:
            active_ids.setdefault(fold_text(name), []).append(number)
    meant_ids = ids | active_ids
    return {key: numbers[0] if len(numbers) == 1 else None for key, numbers in meant_ids.items()}


def load_lookups(organisation_id: int) -> dict[str, Lookup]:
    """What the columns that hold names choose from, by the field they fill; one statement finds all."""
    regions = CHOICE_RULES["region_id"].build_condition(CatalogItem)
    templates = CHOICE_RULES["review_template_id"].build_condition(NotificationTemplate)
    sources: dict[str, tuple[str, Any, Sequence[Any]]] = {
        "region_id": ("region", CatalogItem, [regions]),
        "review_template_id": ("notification template", NotificationTemplate, [templates]),
        "departments": ("department", Department, []),
        "tags": ("tag", Tag, []),
    }
    queries = [
        _select_names(model, organisation_id, *conditions).add_columns(literal(field).label("field"))
        for field, (_, model, conditions) in sources.items()
    ]
    rows: dict[str, list[tuple[int, str, bool]]] = {field: [] for field in sources}
    for row in db.session.execute(union_all(*queries).order_by("position", "name_key", "id")):
        rows[row.field].append((row.id, row.name, row.active))
    return {field: Lookup(noun, rows[field]) for field, (noun, _, _) in sources.items()}


def _select_names(model: Any, organisation_id: int, *more: Any) -> Select[Any]:
    """The rows of `model` in the organisation for which `more` conditions hold, with what they are sorted by. Dealers
    go by their code: several may have one name.
    """
    name = model.code if model is Dealer else model.name
    name_key = model.code_key if model is Dealer else getattr(model, "name_key", name)
    position = model.position if model is CatalogItem else literal(0)
    columns = (
        model.id,
        name.label("name"),
        getattr(model, "active", true()).label("active"),
        position.label("position"),
        name_key.label("name_key"),
    )
    return select(*columns).where(model.organisation_id == organisation_id, *more)


def load_lookup(noun: str, model: Any, organisation_id: int, *more: Any) -> Lookup:
    """The rows of `model` in the organisation for which `more` conditions hold, by name."""
    query = _select_names(model, organisation_id, *more).order_by("position", "name_key", model.id)
    return Lookup(noun, [(row.id, row.name, row.active) for row in db.session.execute(query)])
