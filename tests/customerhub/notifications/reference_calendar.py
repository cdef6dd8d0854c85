"""An account of the reminders of a year that shares nothing with the program: it walks over the days of a calendar."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache

ONE_DAY = timedelta(days=1)
HORIZON = date(2027, 1, 1)
THRESHOLDS = (30, 14, 7, 1, 0)
ExpectedReminder = tuple[str, int, date, int]  # kind, customer's or document's id, due date, days before


@cache
def due_days(start: date, frequency: int) -> list[date]:
    """Walk over the calendar: a review is due a whole number of frequencies after the month of the start, on the day of
    the start or, where the month has no such day, on its last.
    """
    days, day, months = [], start, 0
    while day < HORIZON:
        is_last = (day + ONE_DAY).day == 1
        if months % frequency == 0 and (day.day == start.day or (is_last and day.day < start.day)):
            days.append(day)
        day += ONE_DAY
        months += is_last
    return days


@dataclass
class ReminderSubject:
    """A customer with a review plan, or a document. `told` is what was said of it, by what it was said about."""

    key: int
    recipient: str | None
    start: date | None = None
    frequency: int = 0
    expiry: date | None = None
    reminded_on: dict[ExpectedReminder, date] = field(default_factory=dict)

    def expected_reminder(self, day: date) -> ExpectedReminder | None:
        """What somebody who looks at it on `day` has to be told, if it was not yet."""
        if self.recipient is None:
            return None
        reminder = self._review_reminder(day) if self.start else self._document_reminder(day)
        return reminder if reminder not in self.reminded_on else None

    def _review_reminder(self, day: date) -> ExpectedReminder | None:
        """The last day so far on which a review was due."""
        assert self.start is not None
        so_far = [due for due in due_days(self.start, self.frequency) if due <= day]
        return ("review", self.key, so_far[-1], 0) if so_far else None

    def _document_reminder(self, day: date) -> ExpectedReminder | None:
        """Walk on to the expiry: the first threshold that lies ahead, or today, is the last one that was crossed."""
        assert self.expiry is not None
        ahead = 0
        while day + timedelta(days=ahead) < self.expiry and ahead <= max(THRESHOLDS):
            ahead += 1
        crossed = [threshold for threshold in sorted(THRESHOLDS) if ahead <= threshold]
        if not crossed:
            return None
        more_urgent = [days for _, _, expiry, days in self.reminded_on if expiry == self.expiry and days <= crossed[0]]
        return None if more_urgent else ("compliance", self.key, self.expiry, crossed[0])


@dataclass
class ReminderAudit:
    """What must have been planned by the end. A day that was not run to its end may or may not have told something."""

    subjects: list[ReminderSubject]
    planned: dict[ExpectedReminder, tuple[date, str]]  # what the program planned: as of which day, and to whom

    def check_day(self, day: date, *, ended: bool) -> Iterator[str]:
        """Go through a day that the job ran for; tells what is wrong with what it planned."""
        for subject in self.subjects:
            reminder = subject.expected_reminder(day)
            if reminder is None:
                continue
            planned = self.planned.get(reminder)
            if planned is not None and planned[0] == day:
                if planned[1] != subject.recipient:
                    yield f"{reminder} went to {planned[1]} instead of {subject.recipient}"
                subject.reminded_on[reminder] = day
            elif ended:
                yield f"{reminder} is missing on {day}: {planned}"
                subject.reminded_on[reminder] = day

    def unexpected_reminders(self) -> list[ExpectedReminder]:
        """What was planned although nobody wanted it."""
        expected = {reminder for subject in self.subjects for reminder in subject.reminded_on}
        return [reminder for reminder in self.planned if reminder not in expected]
