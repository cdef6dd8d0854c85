"""The set-up rows that cells refer to by name, and names for what the history and the preview show."""

from typing import Any

from sqlalchemy import select

from customerhub.customers import rules
from customerhub.errors import Invalid
from models import CatalogItem, Department, NotificationTemplate
from models.base import db
from models.enums import CatalogType, TemplatePurpose
from models.keys import folded

SUGGESTED = 5  # how many names a refusal lists


class Names:
    """The rows of one list of set-up data, by name. Those no longer in use are known, but not to be chosen anew."""

    def __init__(self, noun: str, rows: list[tuple[int, str, bool]]) -> None:
        self._noun = noun
        self._ids = {folded(name): number for number, name, _ in rows}
        self._shown = {number: name for number, name, _ in rows}
        self.retired = frozenset(number for number, _, active in rows if not active)

    @property
    def choices(self) -> list[str]:
        """The names in use, in the order of the lists."""
        return [name for number, name in self._shown.items() if number not in self.retired]

    def find(self, text: str) -> int:
        """The id of the row called `text`, whatever its case and accents. Raises Invalid."""
        found = self._ids.get(folded(text))
        if found is None:
            raise Invalid(f"“{text.strip()[:60]}” is not a {self._noun}{self._hint()}")
        return found

    def find_all(self, text: str) -> tuple[int, ...]:
        """The ids of the rows named in `text`, with commas between them, in ascending order."""
        if folded(text) in self._ids:
            return (self._ids[folded(text)],)
        return tuple(sorted({self.find(name) for name in rules.split_names(text)}))

    def shown(self, chosen: int | tuple[int, ...] | None) -> str | None:
        """The name or names behind what `find` or `find_all` gave."""
        if chosen is None or chosen == ():
            return None
        if isinstance(chosen, int):
            return self._shown.get(chosen, f"#{chosen}")
        return ", ".join(sorted(self._shown.get(number, f"#{number}") for number in chosen))

    def has(self, chosen: int | tuple[int, ...] | None) -> bool:
        """Whether what was chosen is still there."""
        numbers = () if chosen is None else (chosen,) if isinstance(chosen, int) else chosen
        return all(number in self._shown for number in numbers)

    def refuse_retired(self, chosen: int | tuple[int, ...]) -> None:
        """Raises Invalid where a row that is no longer in use is among `chosen`."""
        for number in (chosen,) if isinstance(chosen, int) else chosen:
            if number in self.retired:
                raise Invalid(f"“{self._shown[number]}” is no longer in use{self._hint()}")

    def _hint(self) -> str:
        choices = self.choices
        if not choices:
            return f". There is none yet: add a {self._noun} under Set-up"
        more = " …" if len(choices) > SUGGESTED else ""
        return f": {', '.join(choices[:SUGGESTED])}{more}"


def load_names(organisation_id: int) -> dict[str, Names]:
    """What the columns that hold names choose from, by the field they fill."""
    templates = NotificationTemplate.purpose == TemplatePurpose.REVIEW
    return {
        "region_id": _names("region", CatalogItem, organisation_id, CatalogItem.type == CatalogType.REGION),
        "review_template_id": _names("notification template", NotificationTemplate, organisation_id, templates),
        "departments": _names("department", Department, organisation_id),
    }


def _names(noun: str, model: Any, organisation_id: int, *more: Any) -> Names:
    order = (model.position, model.name_key) if model is CatalogItem else (model.name_key,)
    rows = db.session.execute(
        select(model.id, model.name, model.active)
        .where(model.organisation_id == organisation_id, *more)
        .order_by(*order, model.id)
    )
    return Names(noun, [(number, name, active) for number, name, active in rows])
