"""What nobody should type, and the fields of a form that it can be typed into."""

SCRIPT = "<script>alert(1)</script>"
HOSTILE_TEXTS = {
    "a NUL": "a\x00b",
    "a control character": "a\x07b",
    "a script": SCRIPT,
    "400 digits": "9" * 400,
    "no number": "NaN",
    "no end": "Infinity",
    "an exponent": "1e5",
    "below nothing": "-1",
    "other digits": "１２",
    "the first day": "0001-01-01",
    "the last day": "9999-12-31",
    "no day": "2025-02-30",
    "too much": "x" * 21_000,
    "a quote": "' OR 1=1 --",
    "a template": "{{7*7}}{% for a in b %}",
    "a format": "%s%n{0}",
    "blank": " ",
    "nothing to see": "\u200b",
    "from right to left": "a\u202eb",
    "half a character": "%ED%A0%80",
    "larger than an integer": str(2**31),
    "larger than a key": str(2**63),
    "a list": "[]",
    "an object": '{"a": 1}',
}
HIDDEN_FIELDS = {"version", "original", "csrf_token", "form_token", "working_in"}


def is_entered_by_people(name: str) -> bool:
    """Whether people fill in the field, and not the page."""
    return name not in HIDDEN_FIELDS and not name.endswith(("-id", "-version", "-text"))
