"""Whose imports are whose, who may have one saved or reverted, and in whose name that is done."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from customerhub import clock, history, storage
from customerhub.customers.importing import runs
from customerhub.errors import NotAllowed, NotFound
from jobs import imports, queue
from models import CustomerImport
from models.base import db
from models.enums import Role, TransferState
from tests.customers.conftest import House, make_house
from tests.customers.importing import checked, confirm, customer, customers, history_of, saved, the_import
from tests.customers.workbooks import good_row, written
from tests.people import make_dealer, make_organisation, make_user

S = TransferState


def test_imports_of_another_organisation_are_not_there(session, house):
    other = make_house(session, "Other Telecom")
    import_id = checked(written([good_row(1)]), house)
    imported = the_import(import_id, house)
    for act in (
        lambda: runs.confirm_import(imported, good_rows_only=False, actor=other.actor),
        lambda: runs.cancel_import(imported, actor=other.actor),
        lambda: runs.revert_import(imported, actor=other.actor),
    ):
        with pytest.raises(NotFound):
            act()
    with history.acting(house.actor, "test"):
        stored = storage.store(written([good_row(1)]), "x.xlsx", None, organisation_id=house.id, actor=house.actor)
    with pytest.raises(NotFound):
        runs.start_import(stored, actor=other.actor)


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_who_may_not_import_may_do_nothing_with_imports(house, role):
    import_id = checked(written([good_row(1)]), house)
    imported = the_import(import_id, house)
    outsider = House(house.organisation, make_user(house.organisation, role)).actor
    for act in (
        lambda: runs.start_import(imported.file, actor=outsider),
        lambda: runs.confirm_import(imported, good_rows_only=False, actor=outsider),
        lambda: runs.cancel_import(imported, actor=outsider),
        lambda: runs.revert_import(imported, actor=outsider),
    ):
        with pytest.raises(NotAllowed):
            act()


# --- Rights that are lost -----------------------------------------------------------------------------------------


def test_who_lost_the_right_meanwhile_saves_nothing(house):
    import_id = checked(written([good_row(1)]), house)
    confirm(import_id, house)
    with history.acting(house.actor, "test"):
        house.user.active = False
        db.session.commit()
    imports.save(import_id)
    assert customers(house) == []
    again = db.session.get(CustomerImport, import_id, populate_existing=True)
    assert again.state is S.READY
    assert again.problem == f"Nothing was saved. The account of {house.user.name} is switched off."


def become_partner(house, user):
    user.role, user.dealer_id = Role.PARTNER, make_dealer(house.organisation).id


def move_away(house, user):
    user.organisation_id = make_organisation("Elsewhere").id


LOSSES = {
    "a role that may not import": (become_partner, "You may not import customers"),
    "another organisation": (move_away, "may no longer work in this organisation"),
}


@pytest.mark.parametrize(("lose", "told"), LOSSES.values(), ids=list(LOSSES))
def test_what_was_asked_for_with_rights_that_are_gone_is_not_done(house, lose, told):
    import_id = saved(written([good_row(1)]), house)
    second = checked(written([good_row(2)]), house)
    person = House(house.organisation, make_user(house.organisation, name="Second Person"))
    runs.revert_import(the_import(import_id, person), actor=person.actor)
    confirm(second, person)
    with history.acting(house.actor, "test"):
        lose(house, person.user)
        db.session.commit()
    imports.revert(import_id)
    imports.save(second)
    assert [made.reference for made in customers(house)] == ["REF1"]
    for key, state in ((import_id, S.DONE), (second, S.READY)):
        assert the_import(key, house).state is state
        assert told in the_import(key, house).problem


def test_a_visitor_who_lost_the_grant_does_nothing_here(house):
    import_id = checked(written([good_row(1)]), house)
    visitor = make_user(make_organisation("Elsewhere"), platform=True)
    confirm(import_id, House(house.organisation, visitor))
    with history.acting(house.actor, "test"):
        visitor.platform = False
        db.session.commit()
    imports.save(import_id)
    assert customers(house) == []
    assert "may no longer work in this organisation" in the_import(import_id, house).problem


def test_what_is_done_is_recorded_as_done_by_who_wanted_it_even_where_the_job_was_lost(app, house):
    """One uploads, one confirms, one reverts, and the queue server loses both jobs."""
    import_id = checked(written([good_row(1)]), house)
    first, second = (
        House(house.organisation, make_user(house.organisation, name=name)) for name in ("Confirmer", "Reverter")
    )
    confirm(import_id, first)
    run_again(import_id)
    key = customer("REF1", house).id
    runs.revert_import(the_import(import_id, second), actor=second.actor)
    db.session.commit()
    run_again(import_id)
    told = [(entry.action, entry.table_name, entry.actor_name, entry.actor_id) for entry in history_of(key)]
    assert told == [
        ("created", "customer", "Confirmer", first.user.id),
        ("created", "hub_user", "Confirmer", first.user.id),
        ("deleted", "hub_user", "Reverter", second.user.id),
        ("deleted", "customer", "Reverter", second.user.id),
    ]


def run_again(import_id):
    """Let the schedule find what lost its job, and run what it queues."""
    db.session.execute(
        update(CustomerImport)
        .where(CustomerImport.id == import_id)
        .values(started_at=clock.now() - timedelta(hours=1))
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    imports.resume()
    [job] = queue.get_queue(queue.BULK).jobs
    assert job.args == (import_id,)
    job.func(*job.args)
    job.delete()
