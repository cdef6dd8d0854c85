"""Notices: messages of an operation to its caller, beside what it returns.

The caller listens, and receives them once the transaction is committed: what is rolled back gives no notice.
"""

from collections.abc import Callable
from contextvars import ContextVar, Token

from customerhub.core.transaction import after_commit

Listener = Callable[[str], object]
ListenerToken = Token[Listener | None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def start_listening(listener: Listener) -> ListenerToken:
    """From now on `listener`, which must not use the session, receives notices. Pass the result to `stop_listening`."""
    return _listener.set(listener)


def stop_listening(token: ListenerToken) -> None:
    _listener.reset(token)


def notify_listener(text: str) -> None:
    """Send `text` to the listener, once the transaction is committed."""
    listener = _listener.get()
    if listener is not None:
        after_commit(lambda: listener(text))
