"""The digital signature under completed documents, by a certificate that the sandbox has issued to itself."""

import io
import sqlite3
from typing import Any

from pikepdf import Pdf


def sign_pdf(content: bytes, account: sqlite3.Row, envelope_id: str) -> bytes:
    """The PDF with one signature over all of it."""
    from pyhanko.keys import load_certs_from_pemder_data, load_private_key_from_pemder_data
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner, sign_pdf

    (certificate,) = load_certs_from_pemder_data(account["certificate"].encode())
    registry: Any = None  # there is no other certificate
    key = load_private_key_from_pemder_data(account["certificate_key"].encode(), None)
    signer = SimpleSigner(certificate, key, registry)
    metadata = PdfSignatureMetadata(
        field_name="SigningSandbox",
        md_algorithm="sha256",
        reason=f"Envelope {envelope_id} is complete (signing sandbox, not legally binding)",
        name="Signing sandbox",
    )
    writer = IncrementalPdfFileWriter(io.BytesIO(_normalize(content)), strict=False)
    signed: io.BytesIO = sign_pdf(writer, metadata, signer)
    return signed.getvalue()


def _normalize(content: bytes) -> bytes:
    """The same PDF without what another signature could not be added to: forms, old signatures, odd structure."""
    with Pdf.open(io.BytesIO(content)) as pdf:
        if "/AcroForm" in pdf.Root:
            del pdf.Root.AcroForm
        target = io.BytesIO()
        pdf.save(target)
    return target.getvalue()
