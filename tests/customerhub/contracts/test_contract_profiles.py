"""How contracts follow their invoice profiles."""

import pytest
from sqlalchemy import func, select

from customerhub.contracts.contracts import add_contract, change_contract_status, save_contract
from customerhub.contracts.transitions import CONTRACT_STATUSES
from customerhub.core.errors import Invalid
from customerhub.customers.invoice_profiles import activate_contracts
from customerhub.customers.records import save_customer
from models import InvoiceProfile
from models.base import db
from models.enums import ContractStatus, ProfileStatus
from tests.customerhub.approvals.conftest import acting
from tests.customerhub.contracts.conftest import (
    DAY,
    add_nda_file,
    attach_nda,
    make_contract,
    make_contract_in,
    make_profile,
)
from tests.support.contracts import complete_profile, contract_history, problems_by_field

DRAFT, LIVE, PASSIVE, ENDED = ContractStatus


# --- With a new profile ------------------------------------------------------------------------------------------


def test_a_partner_adds_one_with_a_new_profile(approval_org, make_live_customer):
    customer = make_live_customer()
    with acting(approval_org.partner):
        contract = add_contract(
            customer,
            name="Lines",
            start_date=DAY,
            profile_name=" Main ",
            profile_email="pay@customer.example",
            connections=12,
            end_date=None,
            value=None,
            actor=approval_org.partner,
        )
        db.session.commit()
    profile = db.session.get_one(InvoiceProfile, contract.invoice_profile_id)
    assert (profile.name, profile.email, profile.status) == ("Main", "pay@customer.example", ProfileStatus.NDA_PENDING)
    assert (contract.status, contract.connections, contract.customer_id) == (DRAFT, 12, customer.id)
    assert contract_history(contract)[0].actor_name == approval_org.partner.name


@pytest.mark.parametrize(
    ("name", "email", "field", "message"),
    [
        (None, None, "invoice_profile_id", "Choose an invoice profile"),
        ("", "", "invoice_profile_id", "Choose"),
        ("Main", None, "profile_email", "Required"),
        (None, "a@customer.example", "profile_name", "Required"),
        ("Main", "nobody", "profile_email", "not an email"),
        ("Taken", "a@customer.example", "profile_name", "already"),
        ("TAKEN ", "a@customer.example", "profile_name", "already"),
        ("x" * 121, "a@b.example", "profile_name", "120"),
    ],
)
def test_a_wrong_new_profile_is_shown_at_its_field(approval_org, make_live_customer, name, email, field, message):
    customer = make_live_customer()
    customer.invoice_profiles.append(
        InvoiceProfile(organisation_id=approval_org.id, name="Taken", email="a@customer.example")
    )
    db.session.commit()
    with pytest.raises(Invalid, match=message) as error_info:
        add_contract(
            customer, name="L", start_date=DAY, profile_name=name, profile_email=email, actor=approval_org.partner
        )
    assert problems_by_field(error_info.value).keys() == {field}
    db.session.rollback()
    assert db.session.scalar(select(func.count(InvoiceProfile.id))) == 1


def test_what_is_none_of_the_terms_is_refused(approval_org, make_live_customer):
    for name in ("status", "customer_id", "account_id", "number", "organisation_id", "contract_risk", "unheard_of"):
        with pytest.raises(Invalid, match=name):
            add_contract(make_live_customer(), name="L", start_date=DAY, actor=approval_org.agent, **{name: 1})


# --- Following the profile ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["by the form", "by the operation"])
def test_completing_the_profile_takes_its_drafts_live_and_nothing_else(approval_org, make_live_customer, how):
    customer = make_live_customer()
    profile = make_profile(customer)
    drafts = [make_contract(customer, invoice_profile_id=profile.id) for _ in range(2)]
    ended, other = make_contract(customer, invoice_profile_id=profile.id), make_contract(customer)
    change_contract_status(ended, CONTRACT_STATUSES.get_transition("end"), end_date=DAY, actor=approval_org.agent)
    db.session.commit()
    if how == "by the form":
        attach_nda(profile, approval_org.agent)
    else:
        complete_profile(profile, file_id=add_nda_file(customer).id)
        db.session.commit()
    assert [each.status for each in (*drafts, ended, other)] == [LIVE, LIVE, ENDED, DRAFT]
    for draft in drafts:
        *_, last = contract_history(draft)
        assert (last.changes, last.reason) == (
            {"status": ["Draft", "Live"]},
            f"Invoice profile completed: {profile.name}",
        )


def test_it_follows_once_and_what_people_did_since_stands(approval_org, make_live_customer):
    customer = make_live_customer()
    contract = make_contract_in(customer, LIVE)
    profile = contract.invoice_profile
    change_contract_status(contract, CONTRACT_STATUSES.get_transition("passive"), actor=approval_org.agent)
    db.session.commit()
    before = len(contract_history(contract))
    profile.nda_file_id = add_nda_file(customer).id  # another file in place of the first
    save_customer(customer, actor=approval_org.agent)
    activate_contracts(profile)
    db.session.commit()
    assert (contract.status, len(contract_history(contract))) == (PASSIVE, before)


def test_a_profile_that_is_open_takes_nobody_live(approval_org, make_live_customer):
    contract = make_contract(make_live_customer())
    activate_contracts(contract.invoice_profile)
    save_customer(contract.customer, actor=approval_org.agent)
    assert contract.status is DRAFT


def test_a_file_added_with_other_changes_completes_and_follows_in_one_save(approval_org, make_live_customer):
    customer = make_live_customer()
    first, second = make_profile(customer), make_profile(customer)
    contracts = [make_contract(customer, invoice_profile_id=each.id) for each in (first, second)]
    customer.website = "www.example.com"
    first.nda_file_id = second.nda_file_id = add_nda_file(customer).id
    save_customer(customer, actor=approval_org.agent)
    db.session.commit()
    assert [each.status for each in contracts] == [LIVE, LIVE]


def test_another_profile_may_take_a_draft_live_and_never_back(approval_org, make_live_customer):
    customer = make_live_customer()
    contract, open_one = make_contract(customer), make_profile(customer)
    contract.invoice_profile_id = make_profile(customer, completed=True).id
    save_contract(contract, actor=approval_org.agent)
    db.session.commit()
    assert contract.status is LIVE
    for status in (LIVE, PASSIVE):
        if status is PASSIVE:
            change_contract_status(contract, CONTRACT_STATUSES.get_transition("passive"), actor=approval_org.agent)
            db.session.commit()
        with db.session.no_autoflush:
            contract.invoice_profile_id = open_one.id
            with pytest.raises(Invalid, match=status.value) as error_info:
                save_contract(contract, actor=approval_org.agent)
        assert problems_by_field(error_info.value).keys() == {"invoice_profile_id"}
        db.session.rollback()
