"""The times of a cron string in words."""

import re
from typing import Final

from cron_descriptor import ExpressionDescriptor, FormatError, MissingFieldError, Options, WrongArgumentError

# How many values a step goes through before it begins anew: minutes and hours. "Every two days" would be wrong where a
# month ends, and "every three months" where each day of the month is meant.
_CYCLES: Final = (60, 24, None, None, None)
_STEP: Final = re.compile(r"/(\d+)")
_LAST_TIME: Final = re.compile(r"(\d\d:\d\d)(?!.*\d\d:\d\d)")
_TIME_ALONE: Final = re.compile(r"At (\d\d:\d\d(?:,? (?:and )?\d\d:\d\d)*)")


def describe_cron(cron: str, time_zone: str = "") -> str:
    """When `cron` comes round, such as "Every day at 03:30", and by which clock, where that matters.

    What has no true words is quoted as it is.
    """
    words = _describe_evenly(cron) or f"On the schedule “{cron}”"
    if not time_zone or not has_time_of_day(cron):
        return words
    with_zone, times = _LAST_TIME.subn(rf"\1 {time_zone}", words)
    return with_zone if times else f"{words} ({time_zone})"


def has_time_of_day(cron: str) -> bool:
    """Whether `cron` names an hour, so that it matters by which clock."""
    return cron.split()[1] != "*"


def _describe_evenly(cron: str) -> str | None:
    """The words of `cron`; None where it has steps of which one is not as long as the next, or is none."""
    fields = cron.split()
    steps = [(int(step), cycle) for field, cycle in zip(fields, _CYCLES, strict=True) for step in _STEP.findall(field)]
    if len(steps) > 1 or any(cycle is None or not step or cycle % step for step, cycle in steps):
        return None
    options = Options(use_24hour_time_format=True, locale_code="en_US")
    try:
        words = ExpressionDescriptor(cron, options).get_description()
    except (FormatError, MissingFieldError, WrongArgumentError, ValueError):
        return None
    return _TIME_ALONE.sub(r"Every day at \1", words) if fields[2:] == ["*", "*", "*"] else words
