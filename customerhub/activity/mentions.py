"""Mentions: colleagues who are named in a note as @Name or @email, and are notified of it.

The text stays as it was typed, so it can be read, edited and exported; who is mentioned is kept beside it.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, or_, select

from customerhub.core import clock
from customerhub.core.database import save_changes
from customerhub.core.errors import NotFound
from customerhub.core.permissions import STAFF, Actor
from models import Note, NoteMention, User
from models.base import db
from models.folding import contains_text

MAX_MENTIONS: Final = 50  # people who are notified of one note


class Colleague(NamedTuple):
    """One of the staff, as notes name them."""

    id: int
    name: str
    email: str


class Piece(NamedTuple):
    """A part of a text, and the id of whom it mentions."""

    text: str
    user_id: int | None = None


def search_colleagues(text: str, limit: int, *, actor: Actor) -> list[Colleague]:
    """Those of the staff whose name or email address contains `text`, by name: all of them may see every customer of
    their organisation.
    """
    query = _select_colleagues(actor.organisation_id)
    if text:
        query = query.where(or_(contains_text(User.name, text), contains_text(User.email, text)))
    return [_build_colleague(row) for row in db.session.execute(query.order_by(User.name, User.id).limit(limit))]


def list_mentioned(text: str, organisation_id: int) -> list[int]:
    """The ids of the staff whom `text` mentions, in their order; the first MAX_MENTIONS of them. A name that several
    have means none of them: their email addresses tell them apart.
    """
    if "@" not in text:
        return []
    colleagues = [_build_colleague(row) for row in db.session.execute(_select_colleagues(organisation_id))]
    user_ids = [piece.user_id for piece in split_text(text, colleagues) if piece.user_id is not None]
    return list(dict.fromkeys(user_ids))[:MAX_MENTIONS]


def _build_colleague(row: Any) -> Colleague:
    return Colleague(row.id, row.name, row.email)


def _select_colleagues(organisation_id: int) -> Any:
    return select(User.id, User.name, User.email).where(
        User.organisation_id == organisation_id, User.role.in_(STAFF), User.active
    )


def split_text(text: str, colleagues: Iterable[Colleague]) -> Iterator[Piece]:
    """`text` in pieces, of which those that mention one of `colleagues` say whom."""
    ids_by_word: dict[str, int | None] = {}
    for each in colleagues:
        for word in {each.name.casefold(), each.email.casefold()}:
            ids_by_word[word] = each.id if word not in ids_by_word else None
    if not ids_by_word:
        yield Piece(text)
        return
    words = sorted(ids_by_word, key=len, reverse=True)  # "Max Manager" before "Max"
    pattern = re.compile(rf"(?<![\w@.])@({'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)
    end = 0
    for match in pattern.finditer(text):
        user_id = ids_by_word.get(match[1].casefold())
        if user_id is not None:
            yield Piece(text[end : match.start()])
            yield Piece(match[0], user_id)
            end = match.end()
    yield Piece(text[end:])


def update_mentions(note: Note) -> list[int]:
    """Keep whom the text of `note` mentions now; the ids of those whom it did not mention before."""
    user_ids = list_mentioned(note.text, note.organisation_id)
    known_ids = {each.user_id for each in note.mentions}
    new_ids = [key for key in user_ids if key not in known_ids]
    note.mentions = [
        *(each for each in note.mentions if each.user_id in user_ids),
        *(
            # Who writes their own name has seen it.
            NoteMention(
                organisation_id=note.organisation_id,
                user_id=key,
                seen_at=clock.get_now() if key == note.author_id else None,
            )
            for key in new_ids
        ),
    ]
    return new_ids


def select_unseen_mentions(actor: Actor) -> Select[Any]:
    """The mentions of `actor` that they have not seen."""
    return select(NoteMention).where(
        NoteMention.organisation_id == actor.organisation_id,
        NoteMention.user_id == actor.id,
        NoteMention.seen_at.is_(None),
    )


def see_mention(mention_id: int, *, actor: Actor) -> Note:
    """Mark a mention of `actor` as seen; the note that it is in. Raises NotFound where it is none of theirs."""
    mention = db.session.get(NoteMention, mention_id)
    if mention is None or mention.organisation_id != actor.organisation_id or mention.user_id != actor.id:
        raise NotFound("This mention does not exist, or the note was deleted.")
    if mention.seen_at is None:
        with save_changes():
            mention.seen_at = clock.get_now()
    return mention.note
