"""A browser without JavaScript: signed in as somebody, with a CSRF token on every form it posts."""

from html.parser import HTMLParser
from typing import Any

from flask import Flask
from itsdangerous import URLSafeTimedSerializer

from customerhub.core import clock
from models import User
from models.base import db

TEST_TOKEN = "0" * 40


class Browser:
    """Requests as `user_id`, or as a stranger."""

    def __init__(self, app: Flask, user_id: int | None = None) -> None:
        self.app = app
        self.user_id = user_id
        self.client = app.test_client()
        self.token = URLSafeTimedSerializer(app.secret_key, salt="wtf-csrf-token").dumps(TEST_TOKEN)
        with self.client.session_transaction() as http_session:
            http_session["csrf_token"] = TEST_TOKEN
            if user_id is not None:
                user = db.session.get_one(User, user_id)
                http_session["_user_id"] = f"{user.id}:{user.sign_in_epoch}"
                http_session["_fresh"] = True
                http_session["began"] = int(clock.get_now().timestamp())

    def get(self, url: str, **kwargs: Any) -> Any:
        return self.client.get(url, buffered=True, **kwargs)

    def post(self, url: str, data: Any = None, **kwargs: Any) -> Any:
        """Post `data`, a mapping whose values may be lists, or a list of pairs."""
        answer = self.client.post(url, data=to_multidict({"csrf_token": self.token}, data), buffered=True, **kwargs)
        db.session.expire_all()
        return answer

    def read_form(self, url: str) -> dict[str, list[Any]]:
        """What a browser would post of the form on the page at `url` if nothing were typed."""
        return parse_form(self.get(url).text)

    def submit(self, url: str, **changes: Any) -> Any:
        """Open the form at `url`, change some fields and post it."""
        return self.post(url, self.read_form(url) | changes)


def to_multidict(*parts: Any) -> Any:
    """Mappings and lists of pairs as one MultiDict."""
    from werkzeug.datastructures import MultiDict

    result: MultiDict[str, Any] = MultiDict()
    for data in parts:
        for name, value in data.items() if isinstance(data, dict) else data or ():
            for each in value if isinstance(value, list) else [value]:
                if each is not None:
                    result.add(name, each)
    return result


class FormReader(HTMLParser):
    """Collects what the first form of method POST with class "edit", "operation", "card" or
    "layout-editor" would send."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, list[Any]] = {}
        self.in_form = self.skipped = 0
        self.name: str | None = None
        self.text: list[str] | None = None
        self.options: list[tuple[str, bool]] = []
        self.multiple = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag in ("template", "noscript"):
            self.skipped += 1
        if tag == "form" and attributes.get("class") in ("edit", "operation", "card", "layout-editor"):
            self.in_form = 1
        if not self.in_form or self.skipped:
            return
        name = attributes.get("name")
        if tag == "input" and name and attributes.get("type") not in ("file", "submit"):
            if attributes.get("type") not in ("checkbox", "radio") or "checked" in attributes:
                self.values.setdefault(name, []).append(attributes.get("value") or "")
        elif tag == "select":
            self.name, self.options, self.multiple = name, [], "multiple" in attributes
        elif tag == "option":
            self.options.append((attributes.get("value") or "", "selected" in attributes))
        elif tag == "textarea":
            self.name, self.text = name, []

    def handle_data(self, data: str) -> None:
        if self.text is not None:
            self.text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("template", "noscript"):
            self.skipped -= 1
        elif tag == "form":
            self.in_form = 0
        elif tag == "select" and self.name:
            chosen = [value for value, selected in self.options if selected]
            if not self.multiple:
                chosen = chosen[-1:] or [value for value, _ in self.options[:1]]
            self.values.setdefault(self.name, []).extend(chosen)
            self.name = None
        elif tag == "textarea" and self.name and self.text is not None:
            # A browser drops the line break right behind the opening tag.
            self.values.setdefault(self.name, []).append("".join(self.text).replace("\r\n", "\n").removeprefix("\n"))
            self.name = self.text = None


def parse_form(page: str) -> dict[str, list[Any]]:
    reader = FormReader()
    reader.feed(page)
    reader.values.pop("csrf_token", None)
    return reader.values
