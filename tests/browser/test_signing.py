"""NDAs from the saved invoice profile to the live contract, signed in the sandbox as people sign."""

import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from models import Contract, Envelope, InvoiceProfile, Organisation
from models.base import db
from models.enums import ContractStatus, ProfileStatus, Role
from tests.browser.conftest import LiveServer, OpenAs, PageFaults
from tests.browser.steps import field, open_tab, save
from tests.browser.test_approvals import _assert_fits
from tests.browser.test_contracts import make_live_customer
from tests.support.pdfs import build_plain_pdf
from tests.support.servers import wait_until

OpenSandbox = Callable[..., Page]
SECONDS = 60


@pytest.fixture
def signatory(live_server: LiveServer) -> str:
    """The address of who signs for the organisation, once signing is set up in the demo."""

    def has_sent_demo() -> bool:
        with live_server.app.app_context():
            return db.session.query(Envelope).where(Envelope.remote_id.is_not(None)).count() >= 4

    wait_until(has_sent_demo, SECONDS)
    with live_server.app.app_context():
        organisation = db.session.query(Organisation).first()
        assert organisation is not None
        return organisation.signatory_email or ""


@pytest.fixture
def open_inbox(open_as: OpenAs, live_server: LiveServer, faults: PageFaults) -> OpenSandbox:
    """Opens the sandbox's inbox of one address in a browser of its own."""
    base_url = f"http://127.0.0.1:{live_server.settings.sandbox_port}"
    faults.allow(f"request to another host: {base_url}")
    faults.allow("request to another host: chrome")  # the browser's own viewer of documents

    def open_inbox(address: str, *, width: int = 1440) -> Page:
        page = open_as(None, width=width)
        page.goto(f"{base_url}/?q={quote(address)}")
        return page

    return open_inbox


def add_profile(page: Page, customer_id: int, name: str, email: str) -> None:
    """Add an invoice profile without a file in the form of a customer."""
    page.goto(f"/admin/customers/edit/?id={customer_id}")
    block = open_tab(page, "Invoice profiles").locator("#invoice_profiles-list")
    block.get_by_role("button", name="+ Add profile").click()
    row = block.locator("[data-row]").last
    row.locator("[name$='-name']").fill(name)
    row.locator("[name$='-email']").fill(email)
    save(page)
    expect(page.get_by_role("status").filter(has_text=f"The NDA of {name} will be sent")).to_be_visible()


def add_contract(page: Page, customer_id: int, profile: str) -> None:
    page.goto(f"/admin/contracts/new/?customer_id={customer_id}")
    field(page, "name").fill(f"Lines of {profile}")
    field(page, "invoice_profile_id").select_option(label=f"{profile} (NDA Pending)")
    save(page)
    expect(page.get_by_role("heading", level=1)).to_contain_text("Draft")


def open_document(page: Page) -> None:
    """The newest mail that asks to sign, once it has arrived."""
    wait_until(lambda: bool(page.reload()) and page.get_by_text("waiting").count() > 0, SECONDS)
    page.locator(".mail", has_text="waiting").get_by_role("link", name="Please sign").first.click()


def sign(page: Page) -> None:
    open_document(page)
    page.get_by_role("button", name="Adopt and sign").click()
    expect(page.get_by_role("status")).to_contain_text(re.compile("Thank you|Everybody has signed"))


def expect_later(page: Page, find: Callable[[], Locator]) -> None:
    """What a worker brings about: the page is loaded again until it shows it."""
    wait_until(lambda: bool(page.reload()) and find().count() > 0, SECONDS)
    expect(find().first).to_be_visible()


def find_rows(profile_name: str) -> tuple[InvoiceProfile, Contract | None]:
    profile = db.session.query(InvoiceProfile).where(InvoiceProfile.name == profile_name).one()
    assert db.session.query(Envelope).where(Envelope.invoice_profile_id == profile.id).count() == 1
    return profile, db.session.query(Contract).where(Contract.invoice_profile_id == profile.id).first()


@pytest.mark.parametrize("width", [1440, 390])
def test_both_sign_and_the_contract_goes_live(
    open_as: OpenAs, open_inbox: OpenSandbox, live_server: LiveServer, signatory: str, width: int
) -> None:
    key, _ = make_live_customer(live_server, width + 10)
    name, client = f"Quay {width}", f"quay{width}@client.example"
    page = open_as(Role.AGENT, width=width)
    add_profile(page, key, name, client)
    add_contract(page, key, name)
    sign(open_inbox(client, width=width))
    page.goto(f"/admin/customers/details/?id={key}&tab=profiles")
    expect_later(page, lambda: page.get_by_role("link", name=re.compile("^Waiting for Ada Admin")))
    _assert_fits(page, width)
    sign(open_inbox(signatory, width=width))
    expect_later(page, lambda: page.get_by_text("Profile Completed"))
    page.get_by_role("link", name=f"NDA of {name}").click()
    expect_later(page, lambda: page.get_by_text("Unchanged since signing: 1 digital signature checked"))
    _assert_fits(page, width)
    address = page.get_by_role("link", name="NDA signed.pdf").get_attribute("href")
    assert page.request.get(address or "").body().startswith(b"%PDF-")
    with live_server.app.app_context():
        profile, contract = find_rows(name)
        assert contract is not None
        assert (profile.status, contract.status) == (ProfileStatus.COMPLETED, ContractStatus.LIVE)


def test_who_declines_gives_the_reason(
    open_as: OpenAs, open_inbox: OpenSandbox, live_server: LiveServer, signatory: str
) -> None:
    key, _ = make_live_customer(live_server, 20)
    page = open_as(Role.AGENT)
    add_profile(page, key, "Declining", "declining@client.example")
    client = open_inbox("declining@client.example")
    open_document(client)
    client.get_by_text("Decline to sign").click()
    client.get_by_label("Reason, for the sender").fill("Our lawyers need clause 4 changed")
    client.get_by_role("button", name="Decline").click()
    expect(client.get_by_role("status")).to_contain_text(re.compile("declined", re.IGNORECASE))
    page.goto(f"/admin/customers/details/?id={key}&tab=profiles")
    expect_later(page, lambda: page.get_by_text("NDA Declined"))
    page.get_by_role("link", name="NDA of Declining").click()
    expect(page.get_by_text("Our lawyers need clause 4 changed").first).to_be_visible()
    page.get_by_text("Actions", exact=True).click()
    page.locator(".menu-panel").get_by_role("link", name="Send again").click()
    expect(page.get_by_text("declining@client.example").first).to_be_visible()
    page.get_by_role("button", name=re.compile("^Send")).click()
    expect(page.get_by_role("status").filter(has_text="sent again")).to_be_visible()
    client.goto(client.url.partition("/sign/")[0] + "/?q=declining")
    sign(client)


def test_a_file_that_is_attached_later_completes_it(
    open_as: OpenAs, open_inbox: OpenSandbox, live_server: LiveServer, signatory: str, tmp_path: Path
) -> None:
    key, _ = make_live_customer(live_server, 30)
    page = open_as(Role.AGENT)
    add_profile(page, key, "On paper", "paper@client.example")
    add_contract(page, key, "On paper")
    open_document(open_inbox("paper@client.example"))
    path = tmp_path / "signed on paper.pdf"
    path.write_bytes(build_plain_pdf("Signed by hand"))
    page.goto(f"/admin/customers/edit/?id={key}")
    block = open_tab(page, "Invoice profiles").locator("#invoice_profiles-list")
    block.locator("[data-row]").last.locator("input[type=file]").set_input_files(path)
    save(page)
    expect(page.get_by_text("Profile Completed")).to_be_visible()
    inbox = open_inbox("paper@client.example")
    wait_until(lambda: bool(inbox.reload()) and inbox.get_by_text("voided").count() > 0, SECONDS)
    with live_server.app.app_context():
        profile, contract = find_rows("On paper")
        assert contract is not None
        assert (profile.status, contract.status) == (ProfileStatus.COMPLETED, ContractStatus.LIVE)


@pytest.mark.parametrize("width", [1440, 390])
def test_a_partner_follows_a_new_profile(
    open_as: OpenAs, open_inbox: OpenSandbox, live_server: LiveServer, signatory: str, width: int
) -> None:
    key, _ = make_live_customer(live_server, width + 40)
    name, client = f"Partner site {width}", f"site{width}@client.example"
    page = open_as(Role.PARTNER, width=width)
    page.goto(f"/partner/customers/{key}/contracts/new/")
    page.get_by_label("Contract name").fill(name)
    page.get_by_label("Connections").fill("15")
    page.get_by_label("Name of the new profile").fill(name)
    page.get_by_label("Email for invoices").fill(client)
    page.get_by_role("button", name="Add contract").click()
    expect(page.get_by_role("status").filter(has_text=f"The contract {name} was added.")).to_be_visible()
    expect_later(page, lambda: page.get_by_text(re.compile("Waiting for Ada Admin and")))
    _assert_fits(page, width)
    sign(open_inbox(client, width=width))
    sign(open_inbox(signatory, width=width))
    expect_later(page, lambda: page.locator("tr", has_text=name).get_by_text("Live", exact=True))
    _assert_fits(page, width)
