"""The database's refusals become sentences that people understand."""

from contextlib import nullcontext

import pytest
from sqlalchemy.exc import DataError, IntegrityError

from customerhub.core import history
from customerhub.core.database import CHECK_MESSAGES, UNIQUE_MESSAGES, save_changes
from customerhub.core.errors import Conflict, Invalid, StillLinked
from customerhub.core.permissions import Actor
from models import Customer, Department, PaymentTerms
from models.base import Base, db
from tests.support import factories as make
from tests.support.two_organisations import TwoOrganisations

CONSTRAINTS = {str(each.name): table for table in Base.metadata.tables.values() for each in table.constraints}
LISTS = {"addresses", "billing_lines", "call_markups", "invoice_profiles", "rates"}


@pytest.mark.parametrize("name", [*UNIQUE_MESSAGES, *CHECK_MESSAGES])
def test_every_sentence_is_about_a_constraint_and_a_field_that_there_are(name: str):
    field, sentence = (UNIQUE_MESSAGES | CHECK_MESSAGES)[name]
    assert name in CONSTRAINTS
    columns = set(CONSTRAINTS[name].c.keys()) | LISTS | {"account_number"}
    assert field in columns
    assert not sentence.endswith(".")


@pytest.fixture
def acting_system(organisations: TwoOrganisations):
    with history.act_as(Actor(None, organisations.own.id), "test"):
        yield


@pytest.mark.usefixtures("acting_system")
def test_a_taken_value_is_a_conflict_at_its_field(organisations: TwoOrganisations):
    with pytest.raises(Conflict) as error_info, save_changes():
        db.session.add(Department(organisation_id=organisations.own.id, name="SALES"))
    assert (error_info.value.field, error_info.value.message) == ("name", "This name is already in use")
    db.session.rollback()
    customer = db.session.get_one(Customer, organisations.own.customers[0])
    with pytest.raises(Conflict) as error_info, save_changes():
        customer.reference = "ref-1"
    assert (error_info.value.field, error_info.value.message) == ("reference", "Another customer has this reference")


@pytest.mark.usefixtures("acting_system")
def test_a_value_out_of_bounds_is_invalid_at_its_field(organisations: TwoOrganisations):
    with pytest.raises(Invalid) as error_info, save_changes():
        db.session.add(PaymentTerms(organisation_id=organisations.own.id, name="New", days=999))
    assert error_info.value.field == "days"
    assert "0 to 365" in error_info.value.message


@pytest.mark.usefixtures("acting_system")
def test_what_is_in_use_is_still_linked(organisations: TwoOrganisations):
    with pytest.raises(StillLinked, match="still in use"), save_changes():
        db.session.delete(db.session.get_one(Department, organisations.own.row_id(Department)))


@pytest.mark.usefixtures("acting_system")
def test_a_value_that_the_database_cannot_hold_is_refused(organisations: TwoOrganisations):
    """SQLite takes any length; PostgreSQL says that it is too long."""
    file = make.StoredFileFactory(organisation_id=organisations.own.id)
    refusal = pytest.raises(Invalid, match="too long")
    with nullcontext() if db.session.get_bind().dialect.name == "sqlite" else refusal, save_changes():
        file.sha256 = "x" * 65


@pytest.mark.usefixtures("acting_system")
def test_the_cause_is_kept_for_the_log(organisations: TwoOrganisations):
    with pytest.raises(Conflict) as error_info, save_changes():
        db.session.add(Department(organisation_id=organisations.own.id, name="Sales"))
    assert isinstance(error_info.value.__cause__, (IntegrityError, DataError))


def test_a_bug_is_not_taken_for_a_refusal(organisations: TwoOrganisations):
    with pytest.raises(ZeroDivisionError), save_changes():
        raise ZeroDivisionError
