"""What forms offer of the world: countries and currencies that the rules take, and no other."""

from babel import Locale
from babel.numbers import list_currencies

from customerhub.customers import rules
from customerhub.errors import Invalid
from views.places import countries, currencies


def test_every_country_that_is_offered_is_taken_and_no_other():
    offered = {code for code, _ in countries()}
    assert {"DE", "US"} <= offered
    assert offered == {code for code in Locale("en").territories if taken(rules.clean_country, code)}


def test_every_currency_that_is_offered_can_be_kept():
    offered = {code for code, _ in currencies()}
    assert {"EUR", "USD", "CHF"} <= offered
    assert offered.isdisjoint({"KWD", "BHD", "JPY"})
    assert all(taken(rules.clean_currency, code) for code in offered)
    assert {"KWD", "BHD", "JPY"} <= set(list_currencies())


def taken(rule, code):
    try:
        return bool(rule(code))
    except Invalid:
        return False
