"""Countries, currencies and time zones to choose from, with the names that people know them by."""

from functools import lru_cache
from zoneinfo import available_timezones

from babel import Locale
from babel.numbers import get_territory_currencies

from customerhub.customers.rules import has_cents, is_country

Named = tuple[tuple[str, str], ...]  # (code, name) in the order of the names

ENGLISH = Locale("en")
NO_AREAS = ("Etc", "US", "Canada", "Mexico", "Brazil", "Chile", "SystemV")  # other spellings of the same zones


@lru_cache(maxsize=1)
def countries() -> Named:
    known = ((str(code), str(name)) for code, name in ENGLISH.territories.items())
    return tuple(sorted((pair for pair in known if is_country(pair[0])), key=lambda pair: pair[1]))


@lru_cache(maxsize=1)
def currencies() -> Named:
    """Those that are in use somewhere today and that amounts can be kept in."""
    codes = {code for country, _ in countries() for code in get_territory_currencies(country)}
    return tuple(sorted((code, f"{code}, {ENGLISH.currencies.get(code, code)}") for code in codes if has_cents(code)))


@lru_cache(maxsize=1)
def timezones() -> Named:
    known = sorted(name for name in available_timezones() if "/" in name and not name.startswith(NO_AREAS))
    return (("UTC", "UTC"), *((name, name.replace("_", " ")) for name in known))


# The columns that hold such a code.
PLACES = {"country": countries, "currency": currencies, "timezone": timezones}


def place_name(column: str, code: str) -> str:
    """The name of `code`, which a column called `column` holds."""
    return dict(PLACES[column]()).get(code, code)
