"""Whether the digital signatures in a signed PDF still fit what it says."""

import io
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Final

MAX_LENGTH: Final = 500
NO_SIGNATURES: Final = "The document has no digital signature that could be checked"
log = logging.getLogger(__name__)


def describe_signatures(pdf: bytes) -> str:
    """What a check of the digital signatures in `pdf` found, in a sentence for people.

    It is asked whether the document was changed since it was signed. Who issued the certificates is not judged: that
    depends on lists of trusted issuers, which are the reader's.
    """
    from pyhanko.pdf_utils.misc import PdfError
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.diff_analysis import ModificationLevel
    from pyhanko.sign.general import SigningError
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.errors import SignatureValidationError
    from pyhanko_certvalidator import ValidationContext

    logging.getLogger("pyhanko_certvalidator").setLevel(logging.ERROR)
    logging.getLogger("pyhanko.sign.validation.generic_cms").setLevel(logging.CRITICAL)
    try:
        signatures = PdfFileReader(io.BytesIO(pdf), strict=False).embedded_signatures
        if not signatures:
            return NO_SIGNATURES
        context = ValidationContext(trust_roots=[], allow_fetching=False)
        # The library runs an event loop of its own, and a thread has one at most: whoever calls may be in one.
        with ThreadPoolExecutor(max_workers=1) as pool:
            results = list(pool.map(lambda each: validate_pdf_signature(each, context), signatures))
    except (PdfError, SigningError, SignatureValidationError, ValueError) as error:
        log.warning("the signatures of a document could not be checked", exc_info=True)
        return f"The digital signatures could not be checked: {error}"[:MAX_LENGTH]
    changed_count = sum(
        not (each.intact and each.valid) or each.modification_level is ModificationLevel.OTHER for each in results
    )
    count = len(results)
    noun = "digital signature" if count == 1 else "digital signatures"
    if changed_count:
        return f"Changed after signing: {changed_count} of {count} {noun} no longer fit the document"
    return f"Unchanged since signing: {count} {noun} checked"
