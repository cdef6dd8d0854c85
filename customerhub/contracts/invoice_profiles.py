"""Invoice profiles: whom the invoices of a contract go to, and whether the client's NDA stands."""

from customerhub.cleaning import Problems
from models import InvoiceProfile
from models.enums import ProfileStatus


def profile_problems(profile: InvoiceProfile) -> Problems:
    """A completed profile keeps an NDA: its contracts are live by it. Another file may take its place."""
    if profile.status is ProfileStatus.COMPLETED and not _has_file(profile):
        return [("nda_file_id", "The NDA of a completed profile stays. Choose another file to replace it")]
    return []


def complete_by_file(profile: InvoiceProfile) -> None:
    """A profile that is saved with a file is completed at once."""
    if _has_file(profile):
        profile.status = ProfileStatus.COMPLETED


def _has_file(profile: InvoiceProfile) -> bool:
    return bool(profile.nda_file_id or profile.nda_file)
