"""The database's refusals become sentences that people understand."""

from contextlib import nullcontext

import pytest
from sqlalchemy.exc import DataError, IntegrityError

from customerhub import history
from customerhub.database import BOUNDS, SENTENCES, saving
from customerhub.errors import Conflict, Invalid, StillLinked
from customerhub.permissions import Actor
from models import Customer, Department, PaymentTerms
from models.base import Base, db
from tests import factories as make
from tests.world import World

CONSTRAINTS = {str(each.name): table for table in Base.metadata.tables.values() for each in table.constraints}
LISTS = {"addresses", "billing_lines", "invoice_profiles", "rates"}


@pytest.mark.parametrize("name", [*SENTENCES, *BOUNDS])
def test_every_sentence_is_about_a_constraint_and_a_field_that_there_are(name: str):
    field, sentence = (SENTENCES | BOUNDS)[name]
    assert name in CONSTRAINTS
    columns = set(CONSTRAINTS[name].c.keys()) | LISTS | {"account_number"}
    assert field in columns
    assert not sentence.endswith(".")


@pytest.fixture
def recorded(world: World):
    with history.acting(Actor(None, world.ours.id), "test"):
        yield


@pytest.mark.usefixtures("recorded")
def test_a_taken_value_is_a_conflict_at_its_field(world: World):
    with pytest.raises(Conflict) as caught, saving():
        db.session.add(Department(organisation_id=world.ours.id, name="SALES"))
    assert (caught.value.field, caught.value.message) == ("name", "There is already one with this name")
    db.session.rollback()
    customer = db.session.get_one(Customer, world.ours.customers[0])
    with pytest.raises(Conflict) as caught, saving():
        customer.reference = "ref-1"
    assert (caught.value.field, caught.value.message) == ("reference", "Another customer has this reference")


@pytest.mark.usefixtures("recorded")
def test_a_value_out_of_bounds_is_invalid_at_its_field(world: World):
    with pytest.raises(Invalid) as caught, saving():
        db.session.add(PaymentTerms(organisation_id=world.ours.id, name="New", value=999))
    assert caught.value.field == "value"
    assert "0 to 365" in caught.value.message


@pytest.mark.usefixtures("recorded")
def test_what_is_in_use_is_still_linked(world: World):
    with pytest.raises(StillLinked, match="still refers to this"), saving():
        db.session.delete(db.session.get_one(Department, world.ours.row(Department)))


@pytest.mark.usefixtures("recorded")
def test_what_the_database_cannot_hold_is_told(world: World):
    """SQLite takes any length; PostgreSQL says that it is too long."""
    file = make.StoredFileFactory(organisation_id=world.ours.id)
    refusal = pytest.raises(Invalid, match="too long")
    with nullcontext() if db.session.get_bind().dialect.name == "sqlite" else refusal, saving():
        file.sha256 = "x" * 65


@pytest.mark.usefixtures("recorded")
def test_the_cause_is_kept_for_the_log(world: World):
    with pytest.raises(Conflict) as caught, saving():
        db.session.add(Department(organisation_id=world.ours.id, name="Sales"))
    assert isinstance(caught.value.__cause__, (IntegrityError, DataError))


def test_a_bug_is_not_taken_for_a_refusal(world: World):
    with pytest.raises(ZeroDivisionError), saving():
        raise ZeroDivisionError
