"""A second opinion on the HTML of a text: which elements it has, and which words."""

from html.parser import HTMLParser

ALLOWED = {"p", "br", "ul", "li", "strong", "a"}
WITHOUT_END = {"br"}
BREAKS = {"p", "br", "ul", "li"}


class Reading(HTMLParser):
    """Reads a piece of HTML as a browser does. `shape` is its elements in order, `words` what people read."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.shape: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.read: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, f"{self.open} stay open in {html!r}"

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED, f"{tag} in {self.rawdata!r}"
        assert dict(attrs).keys() <= ({"style", "href"} if tag == "a" else {"style"})
        self.shape.append(tag)
        if tag not in WITHOUT_END:
            self.open.append(tag)
        if tag == "a":
            self.links.append(dict(attrs)["href"])
        if tag in BREAKS:
            self.read.append(" ")
        if tag == "li":
            self.read.append("- ")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.shape.append(f"/{tag}")
        if tag in BREAKS:
            self.read.append(" ")

    def handle_data(self, data):
        self.read.append(data)

    def _forbidden(self, *found):
        raise AssertionError(f"{found} in {self.rawdata!r}")

    handle_comment = handle_decl = handle_pi = unknown_decl = _forbidden

    @property
    def words(self) -> list[str]:
        return "".join(self.read).split()
