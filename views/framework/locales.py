"""Countries, currencies and time zones to choose from, with their names."""

from functools import lru_cache
from zoneinfo import available_timezones

from babel import Locale
from babel.numbers import get_territory_currencies

from customerhub.core.validation import has_cents, is_country

CodeNames = tuple[tuple[str, str], ...]  # (code, name) in the order of the names

ENGLISH = Locale("en")
LEGACY_AREAS = ("Etc", "US", "Canada", "Mexico", "Brazil", "Chile", "SystemV")  # other spellings of the same zones


@lru_cache(maxsize=1)
def list_countries() -> CodeNames:
    territories = ((str(code), str(name)) for code, name in ENGLISH.territories.items())
    return tuple(sorted((pair for pair in territories if is_country(pair[0])), key=lambda pair: pair[1]))


@lru_cache(maxsize=1)
def list_currencies() -> CodeNames:
    """Those that are in use somewhere today and that amounts can be kept in."""
    codes = {code for country, _ in list_countries() for code in get_territory_currencies(country)}
    return tuple(sorted((code, f"{code}, {ENGLISH.currencies.get(code, code)}") for code in codes if has_cents(code)))


@lru_cache(maxsize=1)
def list_timezones() -> CodeNames:
    zone_names = sorted(name for name in available_timezones() if "/" in name and not name.startswith(LEGACY_AREAS))
    return (("UTC", "UTC"), *((name, name.replace("_", " ")) for name in zone_names))


# The columns that hold such a code.
CODE_LISTS = {"country": list_countries, "currency": list_currencies, "timezone": list_timezones}


def code_name(column: str, code: str) -> str:
    """The name of `code`, which a column called `column` holds."""
    return dict(CODE_LISTS[column]()).get(code, code)
