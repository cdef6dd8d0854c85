"""What is to be asked of the signing service, as it is worked through: claimed, done, tried again, given up.

Of one envelope only the oldest open request is worked on, so nothing overtakes its sending.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, exists, select, update
from sqlalchemy.orm import aliased

from customerhub.core.leases import Lease, LeaseTable
from customerhub.core.state_machine import StateMachine, Transition
from models import SigningRequest
from models.base import db, get_table
from models.signing_enums import SigningRequestState

S = SigningRequestState
REQUESTS: Final = get_table(SigningRequest)
RETRY_DELAYS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440))
MAX_ATTEMPTS: Final = len(RETRY_DELAYS) + 1  # in less than the seven days for which a transaction id is known
MAX_ERROR_LENGTH: Final = 500

RequestTransition = Transition[SigningRequest, SigningRequestState]
REQUEST_STATES: Final = StateMachine[SigningRequest, SigningRequestState](
    SigningRequest.state,
    (
        RequestTransition("begin", frozenset({S.WAITING}), S.WORKING, explanation="a worker has it"),
        RequestTransition("finish", frozenset({S.WORKING}), S.DONE, explanation="done by the signing service"),
        RequestTransition("retry", frozenset({S.WORKING}), S.WAITING, explanation="no answer, tried again later"),
        RequestTransition("fail", frozenset({S.WORKING}), S.FAILED, explanation="refused, or last attempt failed"),
        RequestTransition("try again", frozenset({S.FAILED}), S.WAITING, explanation="a user had it tried again"),
        RequestTransition("cancel", frozenset({S.WAITING}), S.CANCELLED, explanation="no longer needed"),
    ),
    {S.WAITING: "asked for"},
)
LEASES: Final = LeaseTable(
    REQUESTS,
    until=REQUESTS.c.claimed_until,
    token=REQUESTS.c.claim_number,
    waiting=REQUESTS.c.state == S.WAITING,
    active=REQUESTS.c.state == S.WORKING,
    duration=timedelta(minutes=5),
)


def list_due(now: datetime, *, limit: int) -> Sequence[int]:
    """The ids of requests that can be worked on now, the longest due first."""
    query = select(REQUESTS.c.id).where(_is_due(now)).order_by(REQUESTS.c.next_attempt_at, REQUESTS.c.id)
    return db.session.scalars(query.limit(limit)).all()


def claim_request(request_id: int, *, now: datetime) -> Lease | None:
    """Take one request that is due; None where somebody else has it."""
    leases = LEASES.claim(
        REQUESTS.c.id == request_id,
        _is_due(now),
        now=now,
        state=S.WORKING,
        attempts=REQUESTS.c.attempts + 1,
    )
    return leases[0] if leases else None


def _is_due(now: datetime) -> ColumnElement[bool]:
    earlier = aliased(SigningRequest)
    is_blocked = exists().where(
        earlier.envelope_id == REQUESTS.c.envelope_id,
        earlier.id < REQUESTS.c.id,
        earlier.state.in_((S.WAITING, S.WORKING)),
    )
    return and_(
        REQUESTS.c.state.in_((S.WAITING, S.WORKING)),
        REQUESTS.c.next_attempt_at <= now,
        LEASES.is_expired(now),
        ~is_blocked,
    )


def finish_request(lease: Lease, *, now: datetime) -> bool:
    """Record that a claimed request is done; whether the claim still held."""
    return bool(LEASES.release(lease, state=S.DONE, finished_at=now, last_error=None))


def postpone_request(
    lease: Lease, reason: str, *, now: datetime, attempts: int, try_at: datetime | None = None
) -> bool:
    """Record that a claimed request failed: it is tried again, at `try_at` without counting the attempt, or given up
    after the last one. Whether it will be tried again.
    """
    if try_at is None and attempts >= MAX_ATTEMPTS:
        fail_request(lease, reason, now=now)
        return False
    values: dict[str, Any] = {"last_error": reason[:MAX_ERROR_LENGTH]}
    if try_at is not None:
        values |= {"next_attempt_at": try_at, "attempts": REQUESTS.c.attempts - 1}
    else:
        values["next_attempt_at"] = now + RETRY_DELAYS[attempts - 1]
    if _is_asked_again(lease):
        LEASES.release(lease, state=S.CANCELLED, finished_at=now, last_error=values["last_error"])
    else:
        LEASES.release(lease, state=S.WAITING, **values)
    return True


def hold_back_requests(organisation_id: int, *, until: datetime) -> None:
    """Have nothing asked for an organisation before then: its signing service takes no calls."""
    db.session.execute(
        update(REQUESTS)
        .where(
            REQUESTS.c.organisation_id == organisation_id,
            REQUESTS.c.state == S.WAITING,
            REQUESTS.c.next_attempt_at < until,
        )
        .values(next_attempt_at=until)
    )


def retry_requests(request_ids: Sequence[int], *, now: datetime) -> int:
    """Have requests that were given up tried again with all their attempts; how many still were given up."""
    newer = aliased(SigningRequest)
    is_asked_again = exists().where(
        newer.envelope_id == REQUESTS.c.envelope_id, newer.kind == REQUESTS.c.kind, newer.id > REQUESTS.c.id
    )
    statement = (
        update(REQUESTS)
        .where(REQUESTS.c.id.in_(request_ids), REQUESTS.c.state == S.FAILED, ~is_asked_again)
        .values(state=S.WAITING, attempts=0, next_attempt_at=now, finished_at=None)
    )
    return len(db.session.execute(statement.returning(REQUESTS.c.id)).all())


def _is_asked_again(lease: Lease) -> bool:
    """Whether the same was asked for again while a request was worked on: the newer one is enough."""
    newer = aliased(SigningRequest)
    query = (
        select(newer.id)
        .join(SigningRequest, and_(SigningRequest.envelope_id == newer.envelope_id, SigningRequest.kind == newer.kind))
        .where(SigningRequest.id == lease.row_id, newer.id != lease.row_id, newer.state == S.WAITING)
    )
    return db.session.scalars(query.limit(1)).first() is not None


def fail_request(lease: Lease, reason: str, *, now: datetime) -> bool:
    """Give up a claimed request, for people to look at."""
    return bool(LEASES.release(lease, state=S.FAILED, finished_at=now, last_error=reason[:MAX_ERROR_LENGTH]))
