"""Names within an archive lead nowhere else, fit every file system, and are told apart on each."""

import unicodedata

import pytest

from customerhub.core.archives import MAX_NAME_BYTES, name_members


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", "-..-etc-passwd.pdf"),
        ("C:\\Windows\\win.ini", "C-Windows-win.ini.pdf"),
        ("a\x00b\r\n", "ab.pdf"),
        ("\u202egnp.exe", "gnp.exe.pdf"),
        ("  .hidden. ", "hidden.pdf"),
        ('<A> "B": C|D?*', "A B CD.pdf"),
        ("نفرتاري للتجارة", "نفرتاري للتجارة.pdf"),
    ],
)
def test_a_name_has_no_path_and_nothing_unseen(title, name):
    assert list(name_members([title], "pdf")) == [name]


def test_no_name_is_empty():
    assert list(name_members(["", "...", "\u200b"], "pdf")) == ["file.pdf", "file (2).pdf", "file (3).pdf"]


def test_names_differ_by_more_than_case():
    titles = ["Office", "OFFICE", "Office (2)", unicodedata.normalize("NFD", "Büro"), "Büro"]
    names = list(name_members(titles, "pdf"))
    assert names[:3] == ["Office.pdf", "OFFICE (2).pdf", "Office (2) (2).pdf"]
    assert names[4].endswith(" (2).pdf")


def test_a_long_name_keeps_its_ending_and_its_number():
    names = list(name_members(["ع" * 400] * 12, "pdf"))
    assert len(set(names)) == 12
    assert all(len(name.encode()) <= MAX_NAME_BYTES and name.endswith(".pdf") for name in names)
    assert names[11].endswith(" (12).pdf")
