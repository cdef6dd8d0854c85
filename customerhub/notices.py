"""What an operation has to tell whoever called for it, beside what it returns.

The caller listens, and is told once the transaction is committed: what is undone is not told.
"""

from collections.abc import Callable
from contextvars import ContextVar, Token

from customerhub.transaction import after_commit

Listener = Callable[[str], object]
Listening = Token[Listener | None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def begin(listener: Listener) -> Listening:
    """From now on `listener` is told, which must not use the session. Give what this returns to `end`."""
    return _listener.set(listener)


def end(listening: Listening) -> None:
    _listener.reset(listening)


def tell(text: str) -> None:
    """Say `text` to whoever listens, once what is being done is committed."""
    listener = _listener.get()
    if listener is not None:
        after_commit(lambda: listener(text))
