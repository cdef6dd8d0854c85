"""A slow and simple account of what must be true of a customer: no table of moves, no tasks, no database."""

from dataclasses import dataclass, field


@dataclass
class Request:
    requester: str
    joint_requesters: set[str] = field(default_factory=set)
    assignee: str | None = None
    values: dict[str, str] = field(default_factory=dict)

    @property
    def requesters(self) -> set[str]:
        return {self.requester, *self.joint_requesters}


@dataclass
class ExpectedCustomer:
    """What must be true of one customer."""

    name: str
    numbers: dict[str, str | None]
    website: str | None = None
    kind: str = "company"
    stage: str = "New"
    moves: int = 0
    billing_reference: bool = False
    requests: dict[str, Request] = field(default_factory=dict)
    onboarding: Request | None = None  # the last one, open or closed


def bare_number_key(number: str | None) -> str | None:
    return "".join(c for c in number.upper() if c.isalnum()) if number else None
