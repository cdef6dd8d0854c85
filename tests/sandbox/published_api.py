"""The published description of the API, cut down to the calls and definitions in use, as a judge of messages.

`published_api.json` names the fields of each definition by their kind, the parameters of each call, and what must be
there. Everything else is refused: a field that the description does not know, a list that nobody fills in.
"""

import functools
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from tests.sandbox.recording import Exchange

API = json.loads(Path(__file__).with_name("published_api.json").read_text(encoding="utf-8"))
ACCOUNT = re.compile(r"/restapi/v2\.1/accounts/[0-9a-f-]{36}")
KINDS = {"text": "string", "number": "number", "flag": "boolean"}


def build_schema(name: str, requires: Mapping[str, list[str]]) -> dict[str, Any]:
    """JSON schema of a definition; `requires` names what must be there, by definition."""
    unknown = [
        f"{each}.{field}" for each, fields in requires.items() for field in fields if field not in list_fields(each)
    ]
    assert not unknown, f"required and not described: {unknown}"
    definitions = {each: _build_definition(each, requires.get(each, [])) for each in API["definitions"]}
    return {"$defs": definitions, "$ref": f"#/$defs/{name}"}


def list_fields(name: str) -> set[str]:
    return {field for fields in API["definitions"][name].values() for field in fields}


def _build_definition(name: str, required: list[str]) -> dict[str, Any]:
    definition = API["definitions"][name]
    properties: dict[str, Any] = {}
    for kind, key in (("text", "texts"), ("number", "numbers"), ("flag", "flags")):
        properties |= {field: {"type": KINDS[kind]} for field in definition.get(key, ())}
    properties |= {field: _refer(kind) for field, kind in definition.get("objects", {}).items()}
    properties |= {
        field: {"type": "array", "items": _refer(kind)} for field, kind in definition.get("lists", {}).items()
    }
    properties |= {field: {"type": "array", "maxItems": 0} for field in definition.get("empty_lists", ())}
    return {"type": "object", "properties": properties, "additionalProperties": False, "required": required}


def _refer(kind: str) -> dict[str, str]:
    return {"type": KINDS[kind]} if kind in KINDS else {"$ref": f"#/$defs/{kind}"}


@functools.cache
def _find_validator(name: str, requires: str) -> Draft202012Validator:
    return Draft202012Validator(build_schema(name, json.loads(requires)))


def find_faults(name: str, requires: Mapping[str, list[str]], content: object) -> list[str]:
    """Why something is not what the definition says, a line each."""
    validator = _find_validator(name, json.dumps(requires))
    return [f"{name} {error.json_path}: {error.message[:200]}" for error in validator.iter_errors(content)]


def find_message_faults(message: str, content: object) -> list[str]:
    """As `find_faults`, of what belongs to no call: an error, a token, a user, an event."""
    described = API["messages"][message]
    return find_faults(described["is"], described["requires"], content)


# --- Calls ---------------------------------------------------------------------------------------------------


def name_call(exchange: Exchange) -> str:
    """The call of the description, or "token" or "userinfo". Fails where it is none of them."""
    if (exchange.method, exchange.path) in (("POST", "/oauth/token"), ("GET", "/oauth/userinfo")):
        return exchange.path.rpartition("/")[2]
    path = ACCOUNT.sub("", exchange.path, count=1)
    for name, call in API["calls"].items():
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(call["path"]))
        if call["method"] == exchange.method and path != exchange.path and re.fullmatch(pattern, path):
            return str(name)
    raise AssertionError(f"nobody has described {exchange.method} {exchange.path}")


def find_exchange_faults(exchange: Exchange) -> list[str]:
    """Why a request or its answer is not as published."""
    name = name_call(exchange)
    faults = _find_oauth_faults(name, exchange) if name in ("token", "userinfo") else _find_call_faults(name, exchange)
    return [f"{name} {exchange.status}: {fault}" for fault in faults]


def _find_call_faults(name: str, exchange: Exchange) -> Iterable[str]:
    call = API["calls"][name]
    yield from (f"parameter {each}" for each in exchange.query if each not in call["query"])
    if not exchange.authorization.startswith("Bearer "):
        yield "no access token"
    if "body" in call:
        if exchange.kind_of_body != "application/json":
            yield f"a body of {exchange.kind_of_body}"
        yield from find_faults(call["body"], call["body_requires"], exchange.read_body())
    elif exchange.body:
        yield "a body"
    if exchange.status >= 400:
        yield from find_message_faults("error", exchange.read_answer())
        return
    if exchange.status != call["status"]:
        yield "another status"
    if "answer" in call:
        yield from find_faults(call["answer"], call["answer_requires"], exchange.read_answer())
    elif exchange.kind_of_answer != "application/pdf" or not exchange.answer.startswith(b"%PDF-"):
        yield f"{exchange.kind_of_answer} instead of a PDF"


def _find_oauth_faults(name: str, exchange: Exchange) -> Iterable[str]:
    if name == "userinfo":
        if not exchange.authorization.startswith("Bearer "):
            yield "no access token"
    elif exchange.kind_of_body != "application/x-www-form-urlencoded":
        yield f"a body of {exchange.kind_of_body}"
    elif set(exchange.read_form()) != {"grant_type", "assertion"}:
        yield f"a form of {sorted(exchange.read_form())}"
    message = "token" if name == "token" else "user"
    yield from find_message_faults(message if exchange.status == 200 else f"{message} error", exchange.read_answer())
