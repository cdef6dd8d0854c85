"""Reports created in the background: for a user who requested one, or for a mail."""

from collections.abc import Callable
from contextvars import Context
from typing import Any

import pytest
from sqlalchemy import select

import models
from app import create_app
from customerhub.core import history
from customerhub.core.config import Settings
from customerhub.core.errors import Invalid
from customerhub.core.pdf import TypesettingError
from customerhub.core.permissions import Actor
from customerhub.customers.merging import merge_customers
from jobs import exports, reports
from models import ListExport
from models.base import db
from models.enums import Role, TransferState
from tests.support.exports import count_files, export_facts, state_of
from tests.support.report_data import text_of
from tests.support.reports import add_waiting_message, attached_files, content_of, count_files_on_disk, queue_report
from tests.support.services import replaced_services
from tests.support.two_organisations import TwoOrganisations

State = TransferState


# --- For who asked on a screen ---------------------------------------------------------------------------------------


def test_a_report_is_written_like_an_export(organisations: TwoOrganisations) -> None:
    export_id = queue_report(organisations)
    exports.write(export_id)
    assert export_facts(export_id) == (State.DONE, None, 1)
    file = db.session.get_one(ListExport, export_id).file
    assert file is not None
    assert (file.name, file.content_type) == ("Performance report Our Telecom customer 0 2026-03-15.pdf", reports.PDF)
    report_text = text_of(content_of(file))
    assert "Customer performance report as of " in report_text
    assert "Our Telecom customer 0" in report_text
    assert "Their Telecom" not in report_text


@pytest.mark.parametrize(
    ("name", "file_name"),
    [("Larsen A/S", "Larsen A-S"), ("c\\o ../Kim", "c-o ..-Kim"), ("Müller & Söhne", "Müller & Söhne")],
)
def test_the_file_is_called_by_the_whole_name_of_the_customer(
    organisations: TwoOrganisations, name: str, file_name: str
) -> None:
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.get_one(models.Customer, organisations.own.customers[0]).name = name
        db.session.commit()
    export_id = queue_report(organisations)
    exports.write(export_id)
    file = db.session.get_one(ListExport, export_id).file
    assert file is not None
    assert file.name == f"Performance report {file_name} 2026-03-15.pdf"


def test_a_report_and_lists_do_not_mix(organisations: TwoOrganisations) -> None:
    """The screens put their lists in beside the report; none is called like it."""
    with create_app(organisations.app.config["HUB"]).app_context():
        assert exports.get_builders()["report"] is reports.build_document
        assert "report" not in {rule.endpoint.partition(".")[0] for rule in organisations.app.url_map.iter_rules()}


def deactivate_organisation(organisations: TwoOrganisations) -> None:
    db.session.get_one(models.User, organisations.own.users[Role.AGENT]).active = False


def become_partner(organisations: TwoOrganisations) -> None:
    user = db.session.get_one(models.User, organisations.own.users[Role.AGENT])
    dealer = select(models.Dealer.id).where(models.Dealer.organisation_id == organisations.own.id).limit(1)
    user.role, user.dealer_id = Role.PARTNER, db.session.scalar(dealer)


@pytest.mark.parametrize(
    ("lose", "message"),
    [
        (deactivate_organisation, "The account of The agent is deactivated."),
        (become_partner, "You may not export lists."),
    ],
)
def test_who_lost_the_right_meanwhile_gets_none(
    organisations: TwoOrganisations, lose: Callable[[TwoOrganisations], None], message: str
) -> None:
    export_id = queue_report(organisations)
    with history.act_as(Actor(None, organisations.own.id), "test"):
        lose(organisations)
        db.session.commit()
    before = count_files()
    exports.write(export_id)
    state, problem, _ = export_facts(export_id)
    assert (state, count_files()) == (State.FAILED, before)
    assert (problem or "").startswith(message)


def test_a_customer_of_another_organisation_has_none(organisations: TwoOrganisations) -> None:
    """As where somebody had got its key into the row."""
    export_id = queue_report(organisations)
    export = db.session.get_one(ListExport, export_id)
    export.query = {**export.query, "customer": organisations.foreign.customers[0]}
    db.session.commit()
    exports.write(export_id)
    assert export_facts(export_id)[:2] == (State.FAILED, "This customer no longer exists")


def test_a_customer_that_was_merged_away_is_no_longer_there(organisations: TwoOrganisations) -> None:
    merged_customer, stays = (db.session.get_one(models.Customer, organisations.own.customers[n]) for n in (1, 2))
    export_id = queue_report(organisations, customer_id=merged_customer.id)
    manager = Actor.from_user(db.session.get_one(models.User, organisations.own.users[Role.MANAGER]))
    merged_customer, stays = (db.session.get_one(models.Customer, organisations.own.customers[n]) for n in (1, 2))
    with history.act_as(manager, "test"):
        merge_customers(stays, merged_customer, fields_from_other=[], actor=manager)
        db.session.commit()
    exports.write(export_id)
    assert export_facts(export_id)[:2] == (State.FAILED, "This customer no longer exists")


def test_what_cannot_be_made_fails_without_a_trace(
    organisations: TwoOrganisations, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(_data: Any) -> bytes:
        raise TypesettingError("out of memory at 0x1234")

    monkeypatch.setattr(reports, "build_report_pdf", cannot)
    export_id, before = queue_report(organisations), count_files()
    exports.write(export_id)
    state, problem, _ = export_facts(export_id)
    assert (state, problem, count_files()) == (State.FAILED, "The export failed. Try again.", before)


def test_one_that_is_cancelled_while_it_is_made_stores_nothing(
    organisations: TwoOrganisations, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_id, before = queue_report(organisations), count_files()
    real = reports.build_report_pdf

    def cancelled(data: Any) -> bytes:
        assert exports.cancel(export_id)
        return real(data)

    monkeypatch.setattr(reports, "build_report_pdf", cancelled)
    exports.write(export_id)
    assert (state_of(export_id), count_files()) == (State.CANCELLED, before)


def test_the_file_keeps_the_whole_name_of_the_customer(organisations: TwoOrganisations) -> None:
    """A slash in it makes no folder, whose name a file would lose."""
    with history.act_as(Actor(None, organisations.own.id), "test"):
        db.session.get_one(models.Customer, organisations.own.customers[0]).name = "Vin & Spirits A/S"
        db.session.commit()
    message_id = add_waiting_message(organisations)
    assert reports.attach_report(message_id)
    [file] = attached_files(message_id)
    assert file.name == "Performance report Vin & Spirits A-S 2026-03-15.pdf"


# --- For a mail ------------------------------------------------------------------------------------------------------


def test_a_report_is_attached_once_however_often_it_is_asked_for(
    organisations: TwoOrganisations, settings: Settings
) -> None:
    message_id = add_waiting_message(organisations)
    assert reports.attach_report(message_id)
    [file] = attached_files(message_id)
    assert file.name == "Performance report Our Telecom customer 0 2026-03-15.pdf"
    assert "Our Telecom customer 0" in text_of(content_of(file))
    assert reports.attach_report(message_id)
    assert [each.id for each in attached_files(message_id)] == [file.id]
    assert count_files_on_disk(settings) == 1


def test_a_message_that_waits_for_no_report_gets_none(organisations: TwoOrganisations, settings: Settings) -> None:
    plain = add_waiting_message(organisations, report_on=None)
    assert not reports.attach_report(plain)
    assert not reports.attach_report(2**40)
    assert attached_files(plain) == []
    assert count_files_on_disk(settings) == 0


def run_in_other_process(organisations: TwoOrganisations, action: Callable[[], object]) -> None:
    """Do something as another process would: with a session of its own, and nothing known of this one."""

    def run_action() -> None:
        with organisations.app.app_context():
            action()

    Context().run(run_action)


def test_of_two_that_are_made_at_once_one_is_attached(
    organisations: TwoOrganisations, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second one is made and attached while the first one is made: so nobody waits for anybody either."""
    message_id = add_waiting_message(organisations)
    real, calls = reports.build_report_pdf, []

    def overtaken(data: Any) -> bytes:
        calls.append(data.customer.name)
        if len(calls) == 1:
            run_in_other_process(organisations, lambda: reports.attach_report(message_id))
        return real(data)

    monkeypatch.setattr(reports, "build_report_pdf", overtaken)
    assert reports.attach_report(message_id)
    assert len(calls) == 2
    assert len(attached_files(message_id)) == 1
    assert count_files_on_disk(settings) == 1


def test_a_message_that_goes_meanwhile_leaves_nothing(
    organisations: TwoOrganisations, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = add_waiting_message(organisations)
    real = reports.build_report_pdf

    def gone(data: Any) -> bytes:
        message = models.OutboxMessage.__table__
        with db.engine.begin() as connection:
            connection.execute(message.delete().where(message.c.id == message_id))
        return real(data)

    monkeypatch.setattr(reports, "build_report_pdf", gone)
    assert not reports.attach_report(message_id)
    assert count_files_on_disk(settings) == 0


def test_a_report_that_is_too_large_for_a_mail_leaves_nothing(
    organisations: TwoOrganisations, settings: Settings
) -> None:
    message_id = add_waiting_message(organisations)
    with replaced_services(max_attachment_bytes=1000), pytest.raises(Invalid, match="the maximum is"):
        reports.attach_report(message_id)
    assert attached_files(message_id) == []
    assert count_files_on_disk(settings) == 0
