"""What is made for one person is kept by no browser and no proxy; what is the same for all is."""

import re

from tests.support.browser_client import Browser
from tests.support.two_organisations import TwoOrganisations
from tests.views.system.test_files import store_certificate
from views.http.static_files import static_file


def test_private_answers_are_not_kept(organisations: TwoOrganisations, admin: Browser):
    customer = organisations.own.customers[0]
    for url in (
        "/admin/customers/",
        "/admin/customers/export/csv/",
        "/admin/customers/export/xlsx/",
        "/admin/search/suggest?q=Our",
        f"/admin/customers/peek/?id={customer}",
        "/admin/customers/ajax/lookup/?name=customer.account_manager_id&query=a",
        "/admin/customers/default-values/",
        "/admin/imports/template/",
        f"/admin/imports/errors/?id={organisations.own.rows['customer_import']}",
        f"/files/{store_certificate(organisations)}",
        "/admin/customers/details/?id=999999",
        "/",
    ):
        assert admin.get(url).headers["Cache-Control"] == "no-store", url
    assert admin.post("/admin/customers/new/").headers["Cache-Control"] == "no-store"


def test_static_files_are_kept(organisations: TwoOrganisations, admin: Browser):
    page = admin.get("/admin/").text
    sheet = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert "immutable" in admin.get(sheet).headers["Cache-Control"]


def test_fonts_are_kept_and_fetched_once(organisations: TwoOrganisations, admin: Browser):
    """A style sheet cannot ask for the address of a file; a second address would fetch what is there a second time."""
    page = admin.get("/admin/")
    assert "font-src 'self'" in page.headers["Content-Security-Policy"]
    fonts = re.findall(r'url\("(fonts/[\w-]+\.woff2)(\?v=\w+)"\)', admin.get("/static/hub.css").text)
    assert len(fonts) == 6
    for path, version in fonts:
        address = f"/static/{path}{version}"
        assert static_file(path) == address, "hub.css names another version of this font"
        answer = admin.get(address)
        assert answer.mimetype == "font/woff2"
        assert "immutable" in answer.headers["Cache-Control"]
    assert re.findall(r'rel="preload" href="([^"]+)" as="font"', page.text) == [static_file("fonts/inter-latin.woff2")]
