"""What an organisation requires of contracts and invoice profiles: one rule for every operation that saves one."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from customerhub.contracts.contracts import add_contract, change_contract_status, check_contract, save_contract
from customerhub.contracts.form_layout import CONTRACT_FORM, REQUIRABLE, count_missing
from customerhub.contracts.transitions import CONTRACT_STATUSES
from customerhub.core.errors import Invalid
from customerhub.core.permissions import Actor
from customerhub.customers.invoice_profiles import add_profile
from customerhub.customers.profile_form import PROFILE_FORM
from customerhub.customers.records import save_customer, save_customer_with_outcome
from customerhub.form_layouts.layouts import build_layout
from customerhub.form_layouts.required import REQUIRED_TEXT
from models import Contract, InvoiceProfile
from models.base import db
from models.enums import ContractStatus, CustomFieldOwner, FieldRequirement
from tests.customerhub.approvals.conftest import ApprovalOrg, acting
from tests.customerhub.contracts.conftest import DAY, add_nda_file, make_contract, make_contract_in, make_profile
from tests.support.custom_fields import add_field
from tests.support.form_layouts import arrange


def admin_of(org: ApprovalOrg) -> Actor:
    return Actor(None, org.id)


def require(org: ApprovalOrg, *names: str) -> None:
    arrange(CONTRACT_FORM, admin_of(org), required=names)
    db.session.commit()


def problems_of(error: Any) -> list[tuple[str, str]]:
    return sorted(error.value.problems)


def test_only_columns_that_may_be_blank_can_be_required():
    columns = Contract.__table__.columns
    names = {name for section in build_layout(CONTRACT_FORM, ()).sections for name in section.fields}
    assert names >= CONTRACT_FORM.requirable | CONTRACT_FORM.needed.keys()
    assert all(columns[name].nullable for name in CONTRACT_FORM.requirable)
    assert {column.key for column in columns if not column.nullable and column.default is None} & names <= (
        CONTRACT_FORM.needed.keys() | {"number"}  # assigned where it is blank
    )


def test_a_new_contract_and_one_in_a_form_are_asked_for_all_and_others_for_what_they_change(
    approval_org, make_live_customer
):
    customer = make_live_customer()
    contract = make_contract(customer, supplier="Cable Ltd")
    require(approval_org, "supplier", "value")
    actor = approval_org.manager
    with acting(actor):
        with pytest.raises(Invalid) as refusal:
            make_contract(customer, by=actor)
        assert problems_of(refusal) == [("supplier", REQUIRED_TEXT), ("value", REQUIRED_TEXT)]
        db.session.rollback()
        contract.name = "Renamed"
        check_contract(contract)
        save_contract(contract, actor=actor)
        with pytest.raises(Invalid) as refusal:
            save_contract(contract, actor=actor, is_entered=True)
        assert problems_of(refusal) == [("value", REQUIRED_TEXT)]
        contract.supplier = None
        for save in (lambda: check_contract(contract), lambda: save_contract(contract, actor=actor)):
            with pytest.raises(Invalid) as refusal:
                save()
            assert problems_of(refusal) == [("supplier", REQUIRED_TEXT)]


def test_what_is_missing_does_not_stop_a_status_change(approval_org, make_live_customer):
    contract = make_contract_in(make_live_customer(), ContractStatus.LIVE)
    require(approval_org, *REQUIRABLE)
    with acting(approval_org.manager):
        change_contract_status(
            contract, CONTRACT_STATUSES.get_transition("end"), end_date=date(2030, 1, 1), actor=approval_org.manager
        )
    assert contract.status is ContractStatus.ENDED


def test_a_partner_is_asked_for_what_partners_see(approval_org, make_live_customer):
    customer = make_live_customer()
    profile = make_profile(customer)
    require(approval_org, *REQUIRABLE)
    values = {"name": "Lines", "start_date": DAY, "invoice_profile_id": profile.id, "actor": approval_org.partner}
    with acting(approval_org.partner):
        with pytest.raises(Invalid) as refusal:
            add_contract(customer, **values)
        assert problems_of(refusal) == [("end_date", REQUIRED_TEXT), ("value", REQUIRED_TEXT)]
        contract = add_contract(customer, **values, end_date=date(2030, 1, 1), value=Decimal(12))
    with pytest.raises(Invalid) as refusal, acting(approval_org.manager):
        save_contract(contract, actor=approval_org.manager, is_entered=True)
    assert {name for name, _ in refusal.value.problems} == REQUIRABLE - {"end_date", "value"} - (
        {"business_entity_id"} if customer.business_entity_id else set()
    )


def test_custom_fields_of_both_are_asked_of_who_adds_them(approval_org, make_live_customer):
    customer, admin = make_live_customer(), admin_of(approval_org)
    of_contract, of_profile = (
        add_field(admin, name="Class", owner=owner, requirement=FieldRequirement.REQUIRED)
        for owner in (CustomFieldOwner.CONTRACT, CustomFieldOwner.INVOICE_PROFILE)
    )
    db.session.commit()
    values = {"name": "Lines", "start_date": DAY, "profile_name": "New", "profile_email": "pay@customer.example"}
    with acting(approval_org.partner):
        with pytest.raises(Invalid) as refusal:
            add_contract(customer, **values, actor=approval_org.partner)
        assert problems_of(refusal) == [(f"profile_{of_profile.name}", "Required")]
        db.session.rollback()
        values |= {"profile_values": {of_profile.name: "Gold"}}
        with pytest.raises(Invalid) as refusal:
            add_contract(customer, **values, actor=approval_org.partner)
        assert problems_of(refusal) == [(of_contract.name, "Required")]
        db.session.rollback()
        contract = add_contract(customer, **values, **{of_contract.name: "First"}, actor=approval_org.partner)
        db.session.commit()
    profile = db.session.get_one(InvoiceProfile, contract.invoice_profile_id)
    assert (getattr(contract, of_contract.name), getattr(profile, of_profile.name)) == ("First", "Gold")


def test_an_nda_is_asked_of_new_profiles(approval_org, make_live_customer):
    customer = make_live_customer()
    make_profile(customer)  # its signatures are on their way
    arrange(PROFILE_FORM, admin_of(approval_org), required=["nda_file_id"])
    db.session.commit()
    with acting(approval_org.partner), pytest.raises(Invalid) as refusal:
        add_profile(customer, name="Partner's", email="a@b.example", actor=approval_org.partner)
    assert problems_of(refusal) == [("nda_file_id", REQUIRED_TEXT)]
    db.session.rollback()
    with acting(approval_org.manager):
        save_customer_with_outcome(customer, actor=approval_org.manager, is_entered=True)
        customer.invoice_profiles.append(InvoiceProfile(name="New", email="a@b.example"))
        with pytest.raises(Invalid) as refusal:
            save_customer(customer, actor=approval_org.manager)
        assert problems_of(refusal) == [("invoice_profiles.1.nda_file_id", REQUIRED_TEXT)]
        customer.invoice_profiles[1].nda_file_id = add_nda_file(customer).id
        save_customer(customer, actor=approval_org.manager)


def test_how_many_lack_it_are_those_that_can_be_changed(approval_org, make_live_customer):
    customer = make_live_customer()
    make_contract_in(customer, ContractStatus.ENDED)
    make_contract(customer)
    make_contract(customer, supplier="Cable Ltd")
    assert count_missing(("supplier", "value"), approval_org.id) == {"supplier": 1, "value": 2}
