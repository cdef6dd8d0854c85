"""Everything that happens by the clock, in one table.

Cron strings are in the machine's local time. Every function makes up for what was missed and may run twice without
harm: each is also queued once when the scheduler starts, and a call that nobody took before the next is due lapses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jobs import alerts, exports, housekeeping, imports, mail, queue, reminders


@dataclass(frozen=True)
class Periodic:
    """One line of the table. `cron` has five fields: minute, hour, day, month, weekday."""

    function: Callable[[], Any]
    cron: str
    description: str
    queue: str = queue.DEFAULT

    @property
    def name(self) -> str:
        return f"{self.function.__module__}.{self.function.__name__}"


SCHEDULE = (
    Periodic(mail.sweep, "* * * * *", "Sends the messages in the outbox that are due"),
    Periodic(mail.make_reports, "* * * * *", "Makes the reports that messages are to be sent with", queue.BULK),
    Periodic(imports.resume, "*/5 * * * *", "Takes up imports that were left waiting or were interrupted"),
    Periodic(exports.resume, "*/5 * * * *", "Takes up exports that were left waiting or were interrupted"),
    Periodic(alerts.review, "10 * * * *", "Raises and closes the alerts of all customers as the rules say"),
    Periodic(reminders.remind, "5 * * * *", "Plans the reminders of reviews and compliance documents"),
    Periodic(housekeeping.tidy, "30 3 * * *", "Removes files that nobody took, and imports and exports of long ago"),
)
