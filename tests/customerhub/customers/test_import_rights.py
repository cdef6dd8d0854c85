"""Whose imports are whose, who may have one saved or reverted, and in whose name that is done."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from customerhub.core import clock, history, storage
from customerhub.core.errors import NotAllowed, NotFound
from customerhub.customers.importing import transitions
from jobs import imports, queue
from models import CustomerImport
from models.base import db
from models.enums import Role, TransferState
from tests.customerhub.customers.conftest import ImportOrg, make_import_org
from tests.support.imports import (
    confirm_import,
    get_customer,
    get_import,
    import_and_save,
    list_customers,
    list_history,
    upload_and_check,
)
from tests.support.people import make_dealer, make_organisation, make_user
from tests.support.workbooks import build_workbook, valid_row

S = TransferState


def test_imports_of_another_organisation_are_not_there(session, import_org):
    other = make_import_org(session, "Other Telecom")
    import_id = upload_and_check(build_workbook([valid_row(1)]), import_org)
    imported = get_import(import_id, import_org)
    for act in (
        lambda: transitions.confirm_import(imported, good_rows_only=False, actor=other.actor),
        lambda: transitions.cancel_import(imported, actor=other.actor),
        lambda: transitions.revert_import(imported, actor=other.actor),
    ):
        with pytest.raises(NotFound):
            act()
    with history.act_as(import_org.actor, "test"):
        stored = storage.store_file(
            build_workbook([valid_row(1)]), "x.xlsx", None, organisation_id=import_org.id, actor=import_org.actor
        )
    with pytest.raises(NotFound):
        transitions.start_import(stored, actor=other.actor)


@pytest.mark.parametrize("role", [Role.PARTNER, Role.CUSTOMER])
def test_who_may_not_import_may_do_nothing_with_imports(import_org, role):
    import_id = upload_and_check(build_workbook([valid_row(1)]), import_org)
    imported = get_import(import_id, import_org)
    outsider = ImportOrg(import_org.organisation, make_user(import_org.organisation, role)).actor
    for act in (
        lambda: transitions.start_import(imported.file, actor=outsider),
        lambda: transitions.confirm_import(imported, good_rows_only=False, actor=outsider),
        lambda: transitions.cancel_import(imported, actor=outsider),
        lambda: transitions.revert_import(imported, actor=outsider),
    ):
        with pytest.raises(NotAllowed):
            act()


# --- Rights that are lost -----------------------------------------------------------------------------------------


def test_who_lost_the_right_meanwhile_saves_nothing(import_org):
    import_id = upload_and_check(build_workbook([valid_row(1)]), import_org)
    confirm_import(import_id, import_org)
    with history.act_as(import_org.actor, "test"):
        import_org.user.active = False
        db.session.commit()
    imports.save(import_id)
    assert list_customers(import_org) == []
    again = db.session.get(CustomerImport, import_id, populate_existing=True)
    assert again.state is S.READY
    assert again.problem == f"Nothing was saved. The account of {import_org.user.name} is deactivated."


def become_partner(import_org, user):
    user.role, user.dealer_id = Role.PARTNER, make_dealer(import_org.organisation).id


def move_to_other_organisation(import_org, user):
    user.organisation_id = make_organisation("Elsewhere").id


LOST_RIGHTS = {
    "a role that may not import": (become_partner, "You may not import customers"),
    "another organisation": (move_to_other_organisation, "may no longer work in this organisation"),
}


@pytest.mark.parametrize(("lose", "message"), LOST_RIGHTS.values(), ids=list(LOST_RIGHTS))
def test_what_was_asked_for_with_rights_that_are_gone_is_not_done(import_org, lose, message):
    import_id = import_and_save(build_workbook([valid_row(1)]), import_org)
    second = upload_and_check(build_workbook([valid_row(2)]), import_org)
    person = ImportOrg(import_org.organisation, make_user(import_org.organisation, name="Second Person"))
    transitions.revert_import(get_import(import_id, person), actor=person.actor)
    confirm_import(second, person)
    with history.act_as(import_org.actor, "test"):
        lose(import_org, person.user)
        db.session.commit()
    imports.revert(import_id)
    imports.save(second)
    assert [imported_customer.reference for imported_customer in list_customers(import_org)] == ["REF1"]
    for key, state in ((import_id, S.DONE), (second, S.READY)):
        assert get_import(key, import_org).state is state
        assert message in get_import(key, import_org).problem


def test_a_visitor_who_lost_the_grant_does_nothing_here(import_org):
    import_id = upload_and_check(build_workbook([valid_row(1)]), import_org)
    visitor = make_user(make_organisation("Elsewhere"), platform=True)
    confirm_import(import_id, ImportOrg(import_org.organisation, visitor))
    with history.act_as(import_org.actor, "test"):
        visitor.platform = False
        db.session.commit()
    imports.save(import_id)
    assert list_customers(import_org) == []
    assert "may no longer work in this organisation" in get_import(import_id, import_org).problem


def test_what_is_done_is_recorded_as_done_by_who_wanted_it_even_where_the_job_was_lost(app, import_org):
    """One uploads, one confirms, one reverts, and the queue server loses both jobs."""
    import_id = upload_and_check(build_workbook([valid_row(1)]), import_org)
    first, second = (
        ImportOrg(import_org.organisation, make_user(import_org.organisation, name=name))
        for name in ("Confirmer", "Reverter")
    )
    confirm_import(import_id, first)
    rerun_by_schedule(import_id)
    key = get_customer("REF1", import_org).id
    transitions.revert_import(get_import(import_id, second), actor=second.actor)
    db.session.commit()
    rerun_by_schedule(import_id)
    recorded_entries = [
        (entry.action, entry.table_name, entry.actor_name, entry.actor_id) for entry in list_history(key)
    ]
    assert recorded_entries == [
        ("created", "customer", "Confirmer", first.user.id),
        ("created", "hub_user", "Confirmer", first.user.id),
        ("deleted", "hub_user", "Reverter", second.user.id),
        ("deleted", "customer", "Reverter", second.user.id),
    ]


def rerun_by_schedule(import_id):
    """Let the schedule find what lost its job, and run what it queues."""
    db.session.execute(
        update(CustomerImport)
        .where(CustomerImport.id == import_id)
        .values(started_at=clock.get_now() - timedelta(hours=1))
        .execution_options(synchronize_session=False)
    )
    db.session.commit()
    imports.resume()
    [job] = queue.get_queue(queue.BULK).jobs
    assert job.args == (import_id,)
    job.func(*job.args)
    job.delete()
