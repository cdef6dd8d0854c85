"""The schedule: every periodic job, in one table.

Cron strings are in the machine's local time. Every function makes up for what was missed and may run twice without
harm: each is also queued once when the scheduler starts, and a call that nobody took before the next is due lapses.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jobs import alerts, digests, exports, housekeeping, imports, mail, operations, queue, reminders, signing


@dataclass(frozen=True)
class PeriodicJob:
    """One line of the table. `cron` has five fields: minute, hour, day, month, weekday."""

    function: Callable[[], Any]
    cron: str
    description: str
    queue: str = queue.DEFAULT

    @property
    def name(self) -> str:
        return f"{self.function.__module__}.{self.function.__name__}"


SCHEDULE = (
    PeriodicJob(mail.sweep, "* * * * *", "Sends due messages from the outbox"),
    PeriodicJob(mail.make_reports, "* * * * *", "Creates the reports attached to messages", queue.BULK),
    PeriodicJob(imports.resume, "*/5 * * * *", "Resumes waiting and interrupted imports"),
    PeriodicJob(exports.resume, "*/5 * * * *", "Resumes waiting and interrupted exports"),
    PeriodicJob(operations.resume, "*/5 * * * *", "Resumes waiting and interrupted bulk operations"),
    PeriodicJob(signing.perform_requests, "* * * * *", "Asks the signing service for what is due"),
    PeriodicJob(signing.compare_envelopes, "*/15 * * * *", "Compares document signatures with the signing service"),
    PeriodicJob(signing.request_deadlines, "20 * * * *", "Reminds signers, and ends what was not signed in time"),
    PeriodicJob(alerts.review, "10 * * * *", "Raises and closes rule-based alerts of all customers"),
    PeriodicJob(reminders.remind, "5 * * * *", "Plans reminders for reviews and compliance documents"),
    PeriodicJob(digests.plan, "15 * * * *", "Plans the daily digests, in the morning of each organisation"),
    PeriodicJob(
        housekeeping.delete_removed_values, "*/5 * * * *", "Deletes the values of removed custom fields", queue.BULK
    ),
    PeriodicJob(housekeeping.clean_up, "30 3 * * *", "Cleans up old files, imports, exports and bulk operations"),
)
