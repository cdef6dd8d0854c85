"""A second opinion on the HTML of a text: which elements it has, and which words."""

from html.parser import HTMLParser

ALLOWED = {"p", "br", "ul", "li", "strong", "a"}
VOID_ELEMENTS = {"br"}
BREAKING_ELEMENTS = {"p", "br", "ul", "li"}


class HtmlReading(HTMLParser):
    """Reads a piece of HTML as a browser does. `shape` is its elements in order, `words` what people read."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.shape: list[str] = []
        self.links: list[str] = []
        self.open_elements: list[str] = []
        self.text_parts: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open_elements, f"{self.open_elements} stay open in {html!r}"

    def handle_starttag(self, tag, attrs):
        assert tag in ALLOWED, f"{tag} in {self.rawdata!r}"
        assert dict(attrs).keys() <= ({"style", "href"} if tag == "a" else {"style"})
        self.shape.append(tag)
        if tag not in VOID_ELEMENTS:
            self.open_elements.append(tag)
        if tag == "a":
            self.links.append(dict(attrs)["href"])
        if tag in BREAKING_ELEMENTS:
            self.text_parts.append(" ")
        if tag == "li":
            self.text_parts.append("- ")

    def handle_endtag(self, tag):
        assert self.open_elements.pop() == tag
        self.shape.append(f"/{tag}")
        if tag in BREAKING_ELEMENTS:
            self.text_parts.append(" ")

    def handle_data(self, data):
        self.text_parts.append(data)

    def _reject(self, *markup):
        raise AssertionError(f"{markup} in {self.rawdata!r}")

    handle_comment = handle_decl = handle_pi = unknown_decl = _reject

    @property
    def words(self) -> list[str]:
        return "".join(self.text_parts).split()
