"""The times of a cron string in words."""

WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def in_words(cron: str) -> str:
    """When `cron` comes round, such as "every day at 03:30". One that has no such words is quoted as it is."""
    minute, hour, day, month, weekday = cron.split()
    if (hour, day, month, weekday) == ("*", "*", "*", "*"):
        return _within_the_hour(minute) or _quoted(cron)
    if month != "*" or not minute.isdecimal() or not hour.isdecimal():
        return _quoted(cron)
    time = f"{int(hour):02}:{int(minute):02}"
    if (day, weekday) == ("*", "*"):
        return f"every day at {time}"
    if day == "*" and weekday.isdecimal():
        return f"every {WEEKDAYS[int(weekday)]} at {time}"
    if weekday == "*" and day.isdecimal():
        return f"on day {int(day)} of every month at {time}"
    return _quoted(cron)


def has_time_of_day(cron: str) -> bool:
    """Whether `cron` names an hour, so that it matters by which clock."""
    return cron.split()[1] != "*"


def _within_the_hour(minute: str) -> str | None:
    if minute in ("*", "*/1"):
        return "every minute"
    if minute.isdecimal():
        return f"every hour at minute {int(minute)}" if int(minute) else "every hour on the hour"
    step = minute.removeprefix("*/")
    if minute.startswith("*/") and step.isdecimal() and int(step) < 60 and 60 % int(step) == 0:
        return f"every {int(step)} minutes"
    return None


def _quoted(cron: str) -> str:
    return f"at the times of “{cron}”"
