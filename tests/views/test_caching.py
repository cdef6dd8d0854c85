"""What is made for one person is kept by no browser and no proxy; what is the same for all is."""

from tests.browsing import Browser
from tests.views.test_files import kept
from tests.world import World


def test_private_answers_are_not_kept(world: World, admin: Browser):
    customer = world.ours.customers[0]
    for url in (
        "/admin/customers/",
        "/admin/customers/export/csv/",
        "/admin/customers/export/xlsx/",
        "/admin/search/suggest?q=Our",
        f"/admin/customers/peek/?id={customer}",
        "/admin/customers/ajax/lookup/?name=customer.account_manager_id&query=a",
        "/admin/customers/default-values/",
        "/admin/imports/template/",
        f"/admin/imports/errors/?id={world.ours.rows['customer_import']}",
        f"/files/{kept(world)}",
        "/admin/customers/details/?id=999999",
        "/",
    ):
        assert admin.get(url).headers["Cache-Control"] == "no-store", url
    assert admin.post("/admin/customers/new/").headers["Cache-Control"] == "no-store"


def test_static_files_are_kept(world: World, admin: Browser):
    page = admin.get("/admin/").text
    sheet = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert "immutable" in admin.get(sheet).headers["Cache-Control"]
