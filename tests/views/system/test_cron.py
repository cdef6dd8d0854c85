"""The words of a cron string say when it comes round: read back here, they agree with croniter's own times."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.schedule import SCHEDULE
from views.system.jobs.cron import describe_cron, has_time_of_day

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Matcher = Callable[[datetime], bool]

minutes, hours = st.integers(0, 59), st.integers(0, 23)
SHAPES = st.one_of(
    st.just("* * * * *"),
    st.sampled_from([n for n in range(1, 60) if 60 % n == 0]).map(lambda n: f"*/{n} * * * *"),
    minutes.map(lambda m: f"{m} * * * *"),
    st.tuples(minutes, hours).map(lambda t: f"{t[0]} {t[1]} * * *"),
    st.tuples(minutes, hours, st.integers(0, 7)).map(lambda t: f"{t[0]} {t[1]} * * {t[2]}"),
    st.tuples(minutes, hours, st.integers(1, 28)).map(lambda t: f"{t[0]} {t[1]} {t[2]} * *"),
)


def parse_description(words: str) -> Matcher:
    """What the words say of a minute, as a person reads them."""
    time = re.search(r"at (\d\d):(\d\d)", words, re.IGNORECASE)
    at = [int(part) for part in time.groups()] if time else []
    if words == "Every minute":
        return lambda t: True
    if match := re.fullmatch(r"Every (\d+) minutes", words):
        return lambda t: (t.hour * 60 + t.minute) % int(match[1]) == 0
    if words == "Every hour":
        return lambda t: t.minute == 0
    if match := re.fullmatch(r"At (\d+) minutes? past the hour", words):
        return lambda t: t.minute == int(match[1])
    if re.fullmatch(r"Every day at \d\d:\d\d", words):
        return lambda t: [t.hour, t.minute] == at
    if match := re.fullmatch(r"At \d\d:\d\d, only on (\w+day)", words):
        return lambda t: [t.hour, t.minute] == at and DAYS[t.weekday()] == match[1]
    if match := re.fullmatch(r"At \d\d:\d\d, on day (\d+) of the month", words):
        return lambda t: [t.hour, t.minute] == at and t.day == int(match[1])
    raise AssertionError(f"nobody understands {words!r}")


@given(cron=SHAPES, start=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001  # any clock
@settings(max_examples=80)
def test_the_words_say_when_it_comes_round(cron: str, start: datetime) -> None:
    says, time = parse_description(describe_cron(cron)), start.replace(second=0, microsecond=0)
    times = croniter(cron, time)
    for _ in range(2):
        due = times.get_next(datetime)
        time += timedelta(minutes=1)
        while not says(time):
            time += timedelta(minutes=1)
            assert time <= due, f"{describe_cron(cron)!r} passes over {due}"
        assert time == due, f"{describe_cron(cron)!r} says {time} instead of {due}"


@pytest.mark.parametrize(
    "cron",
    ["*/7 * * * *", "0 */5 * * *", "0 3 */2 * *", "0 3 * */3 *", "0 3 * * */2", "*/15 */6 * * *", "10-50/7 * * * *"],
)
def test_what_has_no_true_words_is_quoted_and_not_guessed(cron: str) -> None:
    assert croniter.is_valid(cron)
    assert describe_cron(cron) == f"On the schedule “{cron}”"


@pytest.mark.parametrize("cron", ["a b c d e", "*/0 * * * *"])
def test_what_is_no_schedule_is_quoted(cron: str) -> None:
    assert describe_cron(cron) == f"On the schedule “{cron}”"


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("1,31 * * * *", "At 1 and 31 minutes past the hour"),
        ("0 */6 * * *", "Every 6 hours"),
        ("0 3,15 * * *", "Every day at 03:00 and 15:00"),
        ("0 0 * * *", "Every day at 00:00"),
        ("59 23 31 12 *", "At 23:59, on day 31 of the month, only in December"),
        ("0 3 1 6 *", "At 03:00, on day 1 of the month, only in June"),
        ("0 3 1 * 1", "At 03:00, on day 1 of the month, or on Monday"),
        ("0 3 * * 1-5", "At 03:00, Monday through Friday"),
        ("0 3 * * mon", "At 03:00, only on Monday"),
        ("0 3 * * 0", "At 03:00, only on Sunday"),
        ("0 3 * * 7", "At 03:00, only on Sunday"),
        ("0 3 29 2 *", "At 03:00, on day 29 of the month, only in February"),
        ("* 3 * * *", "Every minute, between 03:00 and 03:59"),
    ],
)
def test_hard_ones_in_words(cron: str, words: str) -> None:
    assert croniter.is_valid(cron)
    assert describe_cron(cron) == words


@pytest.mark.parametrize(
    ("cron", "words"),
    [
        ("10 * * * *", "At 10 minutes past the hour"),
        ("30 3 * * *", "Every day at 03:30 CET"),
        ("0 3 * * 1", "At 03:00 CET, only on Monday"),
        ("0 3,15 * * *", "Every day at 03:00 and 15:00 CET"),
        ("0 */6 * * *", "Every 6 hours (CET)"),
        ("0 3-21/5 * * *", "On the schedule “0 3-21/5 * * *” (CET)"),
    ],
)
def test_the_clock_is_named_where_it_matters(cron: str, words: str) -> None:
    assert describe_cron(cron, "CET") == words


def test_the_schedule_has_words() -> None:
    for entry in SCHEDULE:
        parse_description(describe_cron(entry.cron))


def test_a_clock_matters_where_an_hour_is_named() -> None:
    assert [cron for cron in ("* * * * *", "*/5 * * * *", "10 * * * *", "30 3 * * *") if has_time_of_day(cron)] == [
        "30 3 * * *"
    ]
