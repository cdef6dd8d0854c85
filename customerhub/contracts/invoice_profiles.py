"""Invoice profiles: whom the invoices of a contract go to, and whether the client's NDA stands."""

from customerhub.cleaning import Problems
from models import InvoiceProfile
from models.enums import ProfileStatus


def profile_problems(profile: InvoiceProfile) -> Problems:
    """A completed profile keeps an NDA: its contracts are live by it. Another file may take its place."""
    if profile.status is ProfileStatus.COMPLETED and profile.nda_file_id is None:
        return [("nda_file_id", "The NDA of a completed profile stays. Choose another file to replace it")]
    return []


def complete_by_file(profile: InvoiceProfile) -> None:
    """A profile that is saved with a file is completed at once."""
    if profile.nda_file_id is not None:
        profile.status = ProfileStatus.COMPLETED
