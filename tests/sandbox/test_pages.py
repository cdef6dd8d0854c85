"""The pages for people: what signers and the sender see, in order, too late and on error."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.envelopes import lifecycle
from sandbox.envelopes.rows import find_recipient_by_link
from tests.sandbox.client import ADA, BOB
from tests.sandbox.site import Site, Visitor, read_text

WEBHOOK = "http://127.0.0.1:9/webhooks/here"
SCRIPT = "<script>alert(1)</script>"
BREAKOUT = "\"'></title><img src=x onerror=alert(1)>"
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("sandbox")) as site:
        yield site


@pytest.fixture
def visitor(site: Site) -> Visitor:
    return site.open_browser()


@pytest.fixture
def fresh_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with Site(tmp_path_factory.mktemp("fresh")) as site:
        yield site


# --- Inbox ---------------------------------------------------------------------------------------------------


def test_an_empty_inbox_says_what_will_be_there(fresh_site: Site) -> None:
    text = fresh_site.open_browser().read("/")
    assert "No mails yet. They appear here as soon as an envelope is sent." in text
    assert "No mail matches “nobody”." in fresh_site.open_browser().read("/?q=nobody")


def test_the_inbox_leads_each_person_to_the_document(site: Site, visitor: Visitor) -> None:
    envelope_id = site.create(subject="Leads on")
    page = visitor.get("/?q=Leads+on").text
    links = site.find_links(envelope_id)
    assert re.findall(r'class="subject" href="([^"]+)"', page) == [links[BOB], links[ADA]], "the newest first"
    assert "Leads on" not in visitor.read("/?q=carol@hub.example")
    assert "waiting" in visitor.read("/?q=LEADS%20ON"), "no matter in which letters"


def test_many_mails_are_shown_page_by_page(fresh_site: Site) -> None:
    for number in range(27):
        fresh_site.create(subject=f"Number {number:02}")
    visitor = fresh_site.open_browser()
    first, second = visitor.get("/").text, visitor.get("/?page=2").text
    assert [page.count('class="subject"') for page in (first, second)] == [50, 4]
    assert "Older" in first
    assert "Newer" in second
    assert "Older" not in second
    for page in ("0", "-1", "x", "99999999999999999999"):
        assert visitor.get(f"/?page={page}").status_code == 200


# --- Signing -------------------------------------------------------------------------------------------------


def test_both_sign_one_after_the_other(site: Site, visitor: Visitor) -> None:
    envelope_id = site.create(webhook=WEBHOOK)
    links = site.find_links(envelope_id)
    text = visitor.read(links[BOB])
    assert "For Bob <bob@customer.example>, from Sandbox Sender" in text
    assert site.find_statuses(envelope_id) == ["sent", "sent", "delivered"]
    answer = visitor.submit(links[BOB], {"name": "Robert  Baker "}, page=links[BOB])
    assert answer.request.path == links[BOB]
    assert "You have signed Thank you. The document now waits for the other signers." in read_text(answer)
    assert "Adopt and sign" not in answer.text
    answer = visitor.submit(links[ADA], {"name": "Ada"}, page=links[ADA])
    assert "Completed Everybody has signed. The document here is the signed one." in read_text(answer)
    for name in ("document.pdf", "certificate.pdf"):
        paper = visitor.get(f"{links[ADA]}/{name}")
        assert (paper.mimetype, paper.data[:5]) == ("application/pdf", b"%PDF-")
    trail = visitor.read(f"/envelopes/{envelope_id}")
    positions = [trail.index(each) for each in ("was sent", "Bob opened", "Bob signed", "Ada opened", "Ada signed")]
    assert positions == sorted(positions)


@pytest.mark.parametrize("name", ["", "   ", "\u00a0\t"])
def test_nobody_signs_without_a_name(site: Site, visitor: Visitor, name: str) -> None:
    envelope_id = site.create()
    link = site.find_links(envelope_id)[ADA]
    answer = visitor.submit(link, {"name": name}, page=link)
    assert answer.status_code == 400
    assert "Enter your name." in read_text(answer)
    assert site.find_statuses(envelope_id) == ["sent", "delivered", "sent"]


def test_nobody_declines_without_a_reason(site: Site, visitor: Visitor) -> None:
    envelope_id = site.create()
    link = site.find_links(envelope_id)[ADA]
    answer = visitor.submit(f"{link}/decline", {"reason": " "}, page=link)
    assert answer.status_code == 400
    assert "Enter a reason." in read_text(answer)
    assert "<details open>" in answer.text, "the form with the error is open"
    assert site.find_statuses(envelope_id) == ["sent", "delivered", "sent"]


def test_a_double_click_signs_once(site: Site) -> None:
    envelope_id = site.create(webhook=WEBHOOK)
    link = site.find_links(envelope_id)[BOB]
    visitors = [site.open_browser() for _ in range(4)]
    tokens = [visitor.take_token(link) for visitor in visitors]
    start = threading.Barrier(len(visitors))

    def click(visitor: Visitor, token: str) -> str:
        start.wait()
        try:
            return read_text(visitor.send(link, {"name": "Bob"}, token))
        finally:
            site.service.store.close()

    with ThreadPoolExecutor(len(visitors)) as pool:
        pages = list(pool.map(click, visitors, tokens))
    assert all("You have signed" in page for page in pages)
    assert site.list_events(envelope_id).count("recipient-completed") == 1


@pytest.mark.parametrize("first", ["sign", "decline"])
def test_the_second_tab_finds_out_what_the_first_one_did(site: Site, visitor: Visitor, first: str) -> None:
    envelope_id = site.create(webhook=WEBHOOK)
    link = site.find_links(envelope_id)[BOB]
    token = visitor.take_token(link)
    forms = {"sign": (link, {"name": "Bob"}), "decline": (f"{link}/decline", {"reason": "Too long"})}
    visitor.send(*forms[first], token)
    before = site.find_statuses(envelope_id), site.list_events(envelope_id)
    answer = visitor.send(*forms["decline" if first == "sign" else "sign"], token)
    assert answer.status_code == 200
    expected = {"sign": "You have signed", "decline": "Declined Bob declined to sign: Too long"}[first]
    assert expected in read_text(answer)
    assert (site.find_statuses(envelope_id), site.list_events(envelope_id)) == before


def test_the_others_read_who_declined_and_are_not_waited_for(site: Site, visitor: Visitor) -> None:
    envelope_id = site.create()
    links = site.find_links(envelope_id)
    visitor.submit(f"{links[BOB]}/decline", {"reason": "Clause 3"}, page=links[BOB])
    text = visitor.read(links[ADA])
    assert "Declined Bob declined to sign: Clause 3" in text
    assert "Ada not signed" in text
    assert "Adopt and sign" not in text


def test_a_withdrawn_and_an_expired_document_say_so(site: Site, visitor: Visitor) -> None:
    voided, expired = site.create(), site.create()
    with site.service.store.write() as db:
        lifecycle.void_envelope(db, voided, "Wrong customer")
        db.execute("UPDATE envelope SET expires_at = '2001-01-01' WHERE envelope_id = ?", (expired,))
        lifecycle.expire_envelopes(db)
    for envelope_id, expected in (
        (voided, "Voided The sender has withdrawn the document: Wrong customer"),
        (expired, "Expired Not everybody has signed in time."),
    ):
        link = site.find_links(envelope_id)[ADA]
        token = visitor.take_token("/behaviour")
        assert expected in visitor.read(link)
        assert expected in read_text(visitor.send(link, {"name": "Ada"}, token))
        assert site.find_statuses(envelope_id) == ["voided", "sent", "sent"]


def test_the_link_to_an_address_that_was_corrected_is_dead(site: Site, visitor: Visitor) -> None:
    envelope_id = site.create()
    link = site.find_links(envelope_id)[BOB]
    token = visitor.take_token(link)
    with site.service.store.write() as db:
        recipient = find_recipient_by_link(db, link.rpartition("/")[2])
        assert recipient is not None
        lifecycle.correct_recipient(db, recipient, name=None, email="new@customer.example", resend=True)
    for answer in (
        visitor.get(link),
        visitor.get(f"{link}/document.pdf"),
        visitor.send(link, {"name": "Bob"}, token),
        visitor.send(f"{link}/decline", {"reason": "No"}, token),
    ):
        assert answer.status_code == 404
        assert "This link is not valid any more" in read_text(answer)
    assert "Please sign" in visitor.read(site.find_links(envelope_id)["new@customer.example"])


@pytest.mark.parametrize("path", ["/sign/nobody", "/envelopes/nothing", "/nowhere", "/sign/a/b/c", "/sign/%00"])
def test_what_is_not_there_says_so(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 404
    assert "To the inbox" in read_text(answer)


def test_a_form_of_somebody_else_is_refused(site: Site, visitor: Visitor) -> None:
    envelope_id = site.create()
    link = site.find_links(envelope_id)[ADA]
    answer = visitor.send(link, {"name": "Ada"}, "guess")
    assert answer.status_code == 400
    assert "Please try again" in read_text(answer)
    assert site.find_statuses(envelope_id)[0] == "sent"


def test_a_page_elsewhere_reaches_nothing(site: Site, visitor: Visitor) -> None:
    """By a name that leads to this machine, and by a form that needs no token."""
    assert visitor.client.get("/setup", base_url="http://evil.example:5999").status_code == 400
    envelope_id = site.create()
    answer = visitor.client.post(
        f"/sandbox/envelopes/{envelope_id}/sign", base_url="http://127.0.0.1:5999", data='{"email": "ada@hub.example"}'
    )
    assert answer.status_code == 415
    assert site.find_statuses(envelope_id)[0] == "sent"


# --- What people wrote ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [SCRIPT, BREAKOUT, "مؤسسة الاتصالات", LONG, "{{ 7 * 7 }}"])
def test_names_and_subjects_are_text_wherever_they_stand(site: Site, visitor: Visitor, text: str) -> None:
    envelope_id = site.create(subject=text, names={ADA: text, BOB: f"{text} jr."}, webhook=WEBHOOK)
    links = site.find_links(envelope_id)
    visitor.submit(f"{links[BOB]}/decline", {"reason": text}, page=links[BOB])
    for path in ("/", links[ADA], f"/envelopes/{envelope_id}", "/events"):
        answer = visitor.get(path)
        assert text in read_text(answer), path
        assert "<script" not in answer.text
        assert "<img" not in answer.text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    search = visitor.client.get("/", base_url="http://127.0.0.1:5999", query_string={"q": text})
    assert "<script" not in search.text


def test_a_name_in_many_letters_is_typeset(site: Site, visitor: Visitor) -> None:
    envelope_id = site.create(signers=[ADA])
    link = site.find_links(envelope_id)[ADA]
    answer = visitor.submit(link, {"name": f'#{LONG} "عبد الرحمن" $x$ \\ <b>'}, page=link)
    assert "Completed" in read_text(answer)
    for name in ("document.pdf", "certificate.pdf"):
        assert visitor.get(f"{link}/{name}").data.startswith(b"%PDF-")


# --- A signer whom the sender leads here ---------------------------------------------------------------------


def test_who_was_led_here_is_led_back(site: Site, visitor: Visitor) -> None:
    for address, form, expected in (
        ("", {"name": "Ada"}, "http://127.0.0.1:8000/back?to=1&event=signing_complete"),
        ("/decline", {"reason": "No"}, "http://127.0.0.1:8000/back?to=1&event=decline"),
    ):
        envelope_id = site.create(signers=[ADA])
        link = site.find_links(envelope_id)[ADA]
        with site.service.store.write() as db:
            db.execute(
                "UPDATE recipient SET return_url = 'http://127.0.0.1:8000/back?to=1' WHERE envelope_id = ?",
                (envelope_id,),
            )
        token = visitor.take_token(link)
        assert "form-action 'self' http://127.0.0.1:8000;" in visitor.get(link).headers["Content-Security-Policy"]
        path = f"{link}{address}"
        answer = visitor.client.post(path, base_url="http://127.0.0.1:5999", data={"csrf_token": token, **form})
        assert answer.location == expected
