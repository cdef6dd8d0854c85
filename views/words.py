"""How the fixed vocabularies of the tables read on screens."""

import enum

from models.enums import ApprovalPolicy, PortalPermission, StatusBehaviour, TransferState

# What says more than the value itself.
WORDS: dict[type[enum.StrEnum], dict[str, str]] = {
    ApprovalPolicy: {
        ApprovalPolicy.PARTNER: "Customers that partners register",
        ApprovalPolicy.ALL: "All new customers",
    },
    StatusBehaviour: {
        StatusBehaviour.BILL: "Billed as usual",
        StatusBehaviour.ACCRUE: "Charges pile up, nothing is billed",
        StatusBehaviour.FINAL: "The rest is billed, then dropped",
        StatusBehaviour.NONE: "Never billed",
    },
    PortalPermission: {
        PortalPermission.INVOICES: "List of invoices",
        PortalPermission.BILL_DOWNLOADS: "Bills as PDF",
    },
    TransferState: {TransferState.QUEUED: "Waiting", TransferState.READY: "To be confirmed"},
}


def sentence(text: str) -> str:
    """`text` beginning with a capital letter."""
    return text[:1].upper() + text[1:]


def word(member: enum.StrEnum | None) -> str:
    """A member of a vocabulary as people read it; blank for none."""
    if member is None:
        return ""
    return WORDS.get(type(member), {}).get(member) or sentence(member.value)
