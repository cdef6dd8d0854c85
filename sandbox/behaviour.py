"""How the sandbox misbehaves when it is asked to: rules that make calls and events fail, by chance or the next few."""

import json
import random
import sqlite3
import threading
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Final

from sandbox.store import Store

CALL_FAULTS: Final = {
    "slow": "answers after some seconds",
    "rate_limit": "429, the hourly limit is used up",
    "hourly_limit": "400, the hourly limit is used up (as DocuSign answered until it changed to 429)",
    "burst_limit": "429, too many calls within 30 seconds",
    "unauthorized": "401, the access token is not accepted",
    "error_before": "a server error, and nothing was done",
    "error_after": "a server error, although it was done",
    "close_before": "the connection is closed, and nothing was done",
    "close_after": "the connection is closed, although it was done",
}
EVENT_FAULTS: Final = {
    "drop": "is never sent",
    "double": "is sent twice",
    "shuffle": "is sent after a random time, so that later ones overtake it",
    "delay": "is sent some seconds later",
    "wrong_signature": "is signed with a key that nobody knows",
    "no_signature": "is not signed",
}
OPERATIONS: Final = (
    "token",
    "userinfo",
    "create",
    "list",
    "status",
    "get",
    "update",
    "recipients",
    "update_recipients",
    "documents",
    "download",
    "recipient_view",
    "audit_events",
)
ANY: Final = "any"
MAX_RULES: Final = 50
MAX_SECONDS: Final = 300.0


class InvalidRule(Exception):
    """A rule cannot be understood. The message says why."""


@dataclass
class Rule:
    """One fault. `operation` is a call or the name of an event; `next` is how often it strikes, None is for ever."""

    fault: str
    operation: str = ANY
    probability: float = 1.0
    next: int | None = None
    seconds: float = 1.0
    status: int = 503
    hits: int = 0


class Behaviour:
    """The rules in force. They are in the file, so that a restart changes nothing."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        with store.read() as db:
            kept = json.loads(db.execute("SELECT behaviour FROM account").fetchone()[0])
        self.seed: int = kept.get("seed", 0)
        self._rules = [Rule(**values) for values in kept.get("rules", [])]
        self._random = random.Random(self.seed)  # noqa: S311  # chance that can be repeated

    def describe_rules(self) -> dict[str, Any]:
        with self._lock:
            return {"seed": self.seed, "rules": [asdict(rule) for rule in self._rules]}

    def set_rules(self, values: Mapping[str, Any]) -> None:
        """Replace all rules, and begin chance anew. Raises InvalidRule."""
        seed = values.get("seed", 0)
        list_of_values = values.get("rules", [])
        if not isinstance(seed, int) or not isinstance(list_of_values, list) or len(list_of_values) > MAX_RULES:
            raise InvalidRule("expected {seed: a whole number, rules: a list of rules}")
        rules = [_read_rule(each) for each in list_of_values]
        with self._lock:
            self.seed, self._rules = seed, rules
            self._random = random.Random(seed)  # noqa: S311
        self._save()

    def select_faults(
        self, faults: Collection[str], operation: str, db: sqlite3.Connection | None = None
    ) -> list[Rule]:
        """Which rules of `faults` strike this time, in the order in which they were given.

        `db`: the transaction in which they are counted, where the caller has one.
        """
        with self._lock:
            struck = [rule for rule in self._rules if rule.fault in faults and self._is_struck(rule, operation)]
            for rule in struck:
                rule.hits += 1
                if rule.next is not None:
                    rule.next -= 1
        if struck:
            self._save(db)
        return struck

    def _is_struck(self, rule: Rule, operation: str) -> bool:
        return (
            rule.operation in (ANY, operation)
            and rule.next != 0
            and (rule.probability >= 1 or self._random.random() < rule.probability)
        )

    def get_random_share(self) -> float:
        """From 0 up to 1."""
        with self._lock:
            return self._random.random()

    def _save(self, db: sqlite3.Connection | None = None) -> None:
        """Keep the rules. The file is locked first, then the rules: two that did it the other way round would wait."""
        with nullcontext(db) if db else self._store.write() as own:
            kept = json.dumps(self.describe_rules())
            own.execute("UPDATE account SET behaviour = ?", (kept,))


def _read_rule(values: object) -> Rule:
    if not isinstance(values, dict):
        raise InvalidRule("a rule is expected to be an object")
    unknown = set(values) - set(Rule.__dataclass_fields__)
    if unknown:
        raise InvalidRule(f"a rule has no {', '.join(sorted(map(str, unknown)))}")
    fault, operation = values.get("fault"), values.get("operation", ANY)
    if fault not in CALL_FAULTS and fault not in EVENT_FAULTS:
        raise InvalidRule(f"fault is one of {', '.join([*CALL_FAULTS, *EVENT_FAULTS])}")
    if not isinstance(operation, str) or (fault in CALL_FAULTS and operation not in (ANY, *OPERATIONS)):
        raise InvalidRule(f"operation is {ANY} or one of {', '.join(OPERATIONS)}")
    return Rule(
        str(fault),
        operation,
        _read_number(values, "probability", 1.0, 0, 1),
        None if values.get("next") is None else int(_read_number(values, "next", 1, 0, 1_000_000)),
        _read_number(values, "seconds", 1.0, 0, MAX_SECONDS),
        int(_read_number(values, "status", 503, 500, 599)),
    )


def _read_number(values: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = values.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InvalidRule(f"{name} is expected to be a number from {low:g} to {high:g}")
    return float(value)
