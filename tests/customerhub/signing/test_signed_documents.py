"""The check of the digital signatures in a PDF."""

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from customerhub.signing.signed_documents import NO_SIGNATURES, describe_signatures
from sandbox.account import get_account, prepare_account
from sandbox.papers.signature import sign_pdf
from sandbox.store import SCHEMA
from tests.support.pdfs import build_plain_pdf


@pytest.fixture(scope="module")
def signed_pdf() -> Iterator[bytes]:
    with closing(sqlite3.connect(":memory:")) as db, ThreadPoolExecutor(1) as pool:
        db.row_factory = sqlite3.Row
        db.executescript(SCHEMA)
        prepare_account(db)
        yield pool.submit(sign_pdf, build_plain_pdf("Kept secret"), get_account(db), "1").result()


def test_a_signed_document_is_unchanged(signed_pdf: bytes):
    assert describe_signatures(signed_pdf) == "Unchanged since signing: 1 digital signature checked"


def test_what_was_written_into_a_signed_document_is_found(signed_pdf: bytes):
    changed = signed_pdf.replace(b"842", b"841", 1)
    assert len(changed) == len(signed_pdf)
    assert describe_signatures(changed).startswith("Changed after signing: 1 of 1")


def test_a_document_without_signatures_says_so():
    assert describe_signatures(build_plain_pdf("Kept secret")) == NO_SIGNATURES


def test_a_caller_may_be_in_an_event_loop(signed_pdf: bytes):
    """The library runs a loop of its own, which a thread that is in one refuses."""

    async def check() -> str:
        return describe_signatures(signed_pdf)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(asyncio.run, check()).result().startswith("Unchanged since signing")
