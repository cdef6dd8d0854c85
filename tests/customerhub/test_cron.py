"""The words of a cron string say when it comes round: read back here, they agree with croniter's own times."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from customerhub.cron import has_time_of_day, in_words
from jobs.schedule import SCHEDULE

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
Says = Callable[[datetime], bool]

minutes, hours = st.integers(0, 59), st.integers(0, 23)
SHAPES = st.one_of(
    st.just("* * * * *"),
    st.sampled_from([n for n in range(1, 60) if 60 % n == 0]).map(lambda n: f"*/{n} * * * *"),
    minutes.map(lambda m: f"{m} * * * *"),
    st.tuples(minutes, hours).map(lambda t: f"{t[0]} {t[1]} * * *"),
    st.tuples(minutes, hours, st.integers(0, 7)).map(lambda t: f"{t[0]} {t[1]} * * {t[2]}"),
    st.tuples(minutes, hours, st.integers(1, 28)).map(lambda t: f"{t[0]} {t[1]} {t[2]} * *"),
)


def read(words: str) -> Says:
    """What the words say of a minute, as a person reads them."""
    time = re.search(r"at (\d\d):(\d\d)$", words)
    at = [int(part) for part in time.groups()] if time else []
    if words == "every minute":
        return lambda t: True
    if found := re.fullmatch(r"every (\d+) minutes", words):
        return lambda t: (t.hour * 60 + t.minute) % int(found[1]) == 0
    if words == "every hour on the hour":
        return lambda t: t.minute == 0
    if found := re.fullmatch(r"every hour at minute (\d+)", words):
        return lambda t: t.minute == int(found[1])
    if re.match("every day at", words):
        return lambda t: [t.hour, t.minute] == at
    if found := re.match(r"every (\w+day) at", words):
        return lambda t: [t.hour, t.minute] == at and DAYS[t.weekday()] == found[1]
    if found := re.match(r"on day (\d+) of every month at", words):
        return lambda t: [t.hour, t.minute] == at and t.day == int(found[1])
    raise AssertionError(f"nobody understands {words!r}")


@given(cron=SHAPES, start=st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1)))  # noqa: DTZ001  # any clock
@settings(max_examples=80)
def test_the_words_say_when_it_comes_round(cron: str, start: datetime) -> None:
    says, time = read(in_words(cron)), start.replace(second=0, microsecond=0)
    times = croniter(cron, time)
    for _ in range(2):
        due = times.get_next(datetime)
        time += timedelta(minutes=1)
        while not says(time):
            time += timedelta(minutes=1)
            assert time <= due, f"{in_words(cron)!r} passes over {due}"
        assert time == due, f"{in_words(cron)!r} says {time} instead of {due}"


@pytest.mark.parametrize(
    "cron",
    ["*/7 * * * *", "1,31 * * * *", "0 */5 * * *", "0 3 1 6 *", "0 3 1 * 1", "0 3 * * 1-5", "0 3 * * mon", "* 3 * * *"],
)
def test_what_has_no_words_is_quoted_and_not_guessed(cron: str) -> None:
    assert croniter.is_valid(cron)
    assert in_words(cron) == f"at the times of “{cron}”"


def test_the_schedule_has_words() -> None:
    for entry in SCHEDULE:
        read(in_words(entry.cron))


def test_a_clock_matters_where_an_hour_is_named() -> None:
    assert [cron for cron in ("* * * * *", "*/5 * * * *", "10 * * * *", "30 3 * * *") if has_time_of_day(cron)] == [
        "30 3 * * *"
    ]
