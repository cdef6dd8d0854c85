"""How large a picture may be that the hub or a mail program decodes, told by its header before anybody decodes it.

A few kilobytes may stand for billions of pixels of one colour: what counts is width times height, not the file's size.
"""

import re
import struct
from base64 import b64decode
from binascii import Error
from dataclasses import dataclass
from typing import Final

MAX_SIDE: Final = 4000  # pixels, wide and high: decoded, that takes 64 MB

_JPEG_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the segments SOF0 to SOF15 (ITU T.81, B.2.2)
_JPEG_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a length
_JPEG_SCAN: Final = frozenset({0xDA, 0xD9})  # from here on there are pixels, or nothing
# Pictures inside a drawing are written as base64, with blanks anywhere.
_EMBEDDED = re.compile(rb"data:\s*image/[a-z0-9.+-]+[^,\"']*,([^\"')<]*)", re.IGNORECASE)


@dataclass(frozen=True)
class PictureSize:
    """Width and height in pixels."""

    width: int
    height: int

    @property
    def is_too_large(self) -> bool:
        return max(self.width, self.height) > MAX_SIDE


def find_excess(content: bytes) -> PictureSize | None:
    """The size of a picture that is too large to be decoded, or of one in a drawing; None for any other content."""
    embedded_pictures = _list_embedded(content) if content.lstrip()[:5] in (b"<svg ", b"<svg>", b"<?xml") else []
    sizes = (read_size(each) for each in (content, *embedded_pictures))
    return next((size for size in sizes if size is not None and size.is_too_large), None)


def describe_excess(size: PictureSize) -> str:
    return f"The picture has {size.width:,} × {size.height:,} pixels. Use one of at most {MAX_SIDE:,} × {MAX_SIDE:,}"


def read_size(content: bytes) -> PictureSize | None:
    """The size that the header of a PNG, JPEG, GIF or WebP tells; None where it is none, or cut off."""
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n"):
            return PictureSize(*struct.unpack_from(">II", content, 16))
        if content.startswith(b"\xff\xd8\xff"):
            return _read_jpeg_size(content)
        if content.startswith((b"GIF87a", b"GIF89a")):
            return PictureSize(*struct.unpack_from("<HH", content, 6))
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            return _read_webp_size(content)
    except struct.error:
        pass
    return None


def _read_jpeg_size(content: bytes) -> PictureSize | None:
    """The largest size before the first scan: a file may name several, and decoders differ in which one they take."""
    position, found = 2, []
    while position + 4 <= len(content):
        if content[position] != 0xFF:
            break
        marker = content[position + 1]
        if marker in _JPEG_SCAN:
            break
        if marker == 0xFF:  # filling
            position += 1
        elif marker in _JPEG_ALONE:
            position += 2
        else:
            if marker in _JPEG_SIZES:
                height, width = struct.unpack_from(">HH", content, position + 5)
                found.append(PictureSize(width, height))
            position += 2 + max(2, struct.unpack_from(">H", content, position + 2)[0])
    return max(found, key=lambda size: size.width * size.height, default=None)


def _read_webp_size(content: bytes) -> PictureSize | None:
    """RFC 9649: lossy, lossless or extended."""
    kind = content[12:16]
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", content, 26)
        return PictureSize(width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", content, 21)
        return PictureSize((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    if kind == b"VP8X":
        low, high, low_height, high_height = struct.unpack_from("<HBHB", content, 24)
        return PictureSize((low | high << 16) + 1, (low_height | high_height << 16) + 1)
    return None


def _list_embedded(drawing: bytes) -> list[bytes]:
    """The pictures in an SVG drawing."""
    pictures = []
    for match in _EMBEDDED.finditer(drawing):
        try:
            pictures.append(b64decode(b"".join(match[1].split()) + b"==="))
        except (Error, ValueError):  # not base64: no picture can be read from it
            continue
    return pictures
