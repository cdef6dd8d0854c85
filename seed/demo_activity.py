"""What people have noted and attached in the demo, and the cases of its customers."""

import io
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select

from customerhub.activity.attachments import Upload, attach_files
from customerhub.activity.follow_ups import complete_follow_up
from customerhub.activity.notes import save_note
from customerhub.cases import cases
from customerhub.cases.conversation import write_note
from customerhub.cases.statuses import CLOSE, WAIT
from customerhub.core import clock, history
from customerhub.core.organisation_dates import organisation_today
from customerhub.core.permissions import Actor
from models import Customer, CustomerCase, Note, User
from models.base import db

PLAN = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n"
)


@dataclass(frozen=True)
class _People:
    """Who writes in the demo."""

    manager: Actor
    agent: Actor
    portal: Actor


def seed_activity(organisation_id: int, *, manager: User, agent: User, portal_user: User) -> None:
    """Give the first customers of the demo notes, follow-ups, attachments and cases, once. The caller commits."""
    if db.session.scalar(select(Note.id).where(Note.organisation_id == organisation_id).limit(1)):
        return
    people = _People(*(Actor(user, organisation_id) for user in (manager, agent, portal_user)))
    customers = list(
        db.session.scalars(
            select(Customer).where(Customer.organisation_id == organisation_id).order_by(Customer.id).limit(5)
        )
    )
    if len(customers) < 5 or portal_user.customer_id != customers[0].id:
        return
    with history.act_as(people.agent, "demo"):
        _write_notes(customers, people)
        _attach_files(customers[0], people)
    _open_cases(customers, people)
    db.session.flush()


def _write_notes(customers: list[Customer], people: _People) -> None:
    first, second, third, *_ = customers
    today = organisation_today(first.organisation_id)
    late = Note(
        customer_id=first.id,
        text="Wants a second line for the warehouse. @Max Manager, can we offer the bundle?\n"
        "Their drawing: https://plans.demo.example/warehouse",
        follow_up_on=today,
    )
    save_note(late, actor=people.agent)
    late.follow_up_on = today - timedelta(days=2)  # it was noted some days ago
    late.created_at = clock.get_now() - timedelta(days=6)
    rang = Note(customer_id=first.id, text="Rang: the new contact is Mrs Petersen, extension 12.", follow_up_on=today)
    save_note(rang, actor=people.agent)
    complete_follow_up(rang, actor=people.agent)
    with history.act_as(people.manager, "demo"):
        offer = Note(
            customer_id=second.id,
            text="Prices for 40 seats are agreed. @Aisha Agent please send the contract by Friday.",
            follow_up_on=today + timedelta(days=3),
            assignee_id=people.agent.id,
        )
        save_note(offer, actor=people.manager)
        save_note(Note(customer_id=third.id, text="Pays late every December."), actor=people.manager)


def _attach_files(customer: Customer, people: _People) -> None:
    uploads = [
        Upload(io.BytesIO(PLAN), "Warehouse plan.pdf", "application/pdf"),
        Upload(io.BytesIO(b"Hausordnung und Zufahrt"), "Zufahrt Überblick.txt", "text/plain"),
    ]
    attach_files(customer.id, uploads, description="For the installation team", actor=people.agent)


def _open_cases(customers: list[Customer], people: _People) -> None:
    """One that the customer opened and we have answered, one that waits, one that is settled."""
    with history.act_as(people.portal, "demo"):
        own = cases.open_portal_case(
            "Line at the front desk is dead", "Since this morning there is no tone at all.", actor=people.portal
        )
    with history.act_as(people.agent, "demo"):
        cases.assign_case(own, assignee_id=people.agent.id, actor=people.agent)
        write_note(own, text="Looks like the fault of last week again.", actor=people.agent)
        write_note(own, text="A technician comes tomorrow between 9 and 11.", is_visible=True, actor=people.agent)
        waiting = CustomerCase(
            customer_id=customers[1].id, subject="New delivery address", assignee_id=people.manager.id
        )
        cases.open_case(waiting, "Which floor?", is_visible=True, actor=people.agent)
        cases.change_case_status(waiting, WAIT, actor=people.agent)
        settled = CustomerCase(customer_id=customers[2].id, subject="Copy of the March invoice")
        cases.open_case(settled, "Sent by mail.", is_visible=True, actor=people.agent)
        cases.change_case_status(settled, CLOSE, actor=people.agent)
