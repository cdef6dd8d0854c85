"""An account of the reminders of a year that shares nothing with the program: it walks over the days of a calendar."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache

ONE_DAY = timedelta(days=1)
HORIZON = date(2027, 1, 1)
THRESHOLDS = (30, 14, 7, 1, 0)
Wanted = tuple[str, int, date, int]  # kind, customer's or document's id, due date, days before


@cache
def due_days(start: date, frequency: int) -> list[date]:
    """Walk over the calendar: a review is due a whole number of frequencies after the month of the start, on the day of
    the start or, where the month has no such day, on its last.
    """
    found, day, months = [], start, 0
    while day < HORIZON:
        is_last = (day + ONE_DAY).day == 1
        if months % frequency == 0 and (day.day == start.day or (is_last and day.day < start.day)):
            found.append(day)
        day += ONE_DAY
        months += is_last
    return found


@dataclass
class Subject:
    """A customer with a review plan, or a document. `told` is what was said of it, by what it was said about."""

    key: int
    recipient: str | None
    start: date | None = None
    frequency: int = 0
    expiry: date | None = None
    told: dict[Wanted, date] = field(default_factory=dict)

    def wanted(self, day: date) -> Wanted | None:
        """What somebody who looks at it on `day` has to be told, if it was not yet."""
        if self.recipient is None:
            return None
        found = self._review(day) if self.start else self._document(day)
        return found if found not in self.told else None

    def _review(self, day: date) -> Wanted | None:
        """The last day so far on which a review was due."""
        assert self.start is not None
        so_far = [due for due in due_days(self.start, self.frequency) if due <= day]
        return ("review", self.key, so_far[-1], 0) if so_far else None

    def _document(self, day: date) -> Wanted | None:
        """Walk on to the expiry: the first threshold that lies ahead, or today, is the last one that was crossed."""
        assert self.expiry is not None
        ahead = 0
        while day + timedelta(days=ahead) < self.expiry and ahead <= max(THRESHOLDS):
            ahead += 1
        crossed = [threshold for threshold in sorted(THRESHOLDS) if ahead <= threshold]
        if not crossed:
            return None
        more_urgent = [days for _, _, expiry, days in self.told if expiry == self.expiry and days <= crossed[0]]
        return None if more_urgent else ("compliance", self.key, self.expiry, crossed[0])


@dataclass
class Account:
    """What must have been planned by the end. A day that was not run to its end may or may not have told something."""

    subjects: list[Subject]
    planned: dict[Wanted, tuple[date, str]]  # what the program planned: as of which day, and to whom

    def account(self, day: date, *, ended: bool) -> Iterator[str]:
        """Go through a day that the job ran for; tells what is wrong with what it planned."""
        for subject in self.subjects:
            wanted = subject.wanted(day)
            if wanted is None:
                continue
            found = self.planned.get(wanted)
            if found is not None and found[0] == day:
                if found[1] != subject.recipient:
                    yield f"{wanted} went to {found[1]} instead of {subject.recipient}"
                subject.told[wanted] = day
            elif ended:
                yield f"{wanted} is missing on {day}: {found}"
                subject.told[wanted] = day

    def left(self) -> list[Wanted]:
        """What was planned although nobody wanted it."""
        told = {wanted for subject in self.subjects for wanted in subject.told}
        return [wanted for wanted in self.planned if wanted not in told]
