"""What forms offer of the world: countries and currencies that the rules take, and no other."""

from babel import Locale, numbers

from customerhub.core import validation
from customerhub.core.errors import Invalid
from views.framework.locales import list_countries, list_currencies


def test_every_country_that_is_offered_is_taken_and_no_other():
    offered = {code for code, _ in list_countries()}
    assert {"DE", "US"} <= offered
    assert offered == {code for code in Locale("en").territories if matches_rule(validation.clean_country, code)}


def test_every_currency_that_is_offered_can_be_kept():
    offered = {code for code, _ in list_currencies()}
    assert {"EUR", "USD", "CHF"} <= offered
    assert offered.isdisjoint({"KWD", "BHD", "JPY"})
    assert all(matches_rule(validation.clean_currency, code) for code in offered)
    assert {"KWD", "BHD", "JPY"} <= set(numbers.list_currencies())


def matches_rule(rule, code):
    try:
        return bool(rule(code))
    except Invalid:
        return False
