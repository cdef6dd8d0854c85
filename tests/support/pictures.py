"""Pictures that tests make: small files, whatever their size in pixels."""

import struct
import zlib


def build_blank_png(width: int, height: int) -> bytes:
    """A black picture that takes a few bytes in the file for each thousand pixels, and one bit for each until then."""
    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    packed = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = (_build_chunk(b"IHDR", head), _build_chunk(b"IDAT", packed), _build_chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _build_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def build_jpeg_header(width: int, height: int) -> bytes:
    """What comes before the pixels of a JPEG, its size after two segments of text and some filling."""
    text = b"\xff\xfe" + struct.pack(">H", 2 + 600) + b"\xff\xc0" * 300
    size = b"\xff\xff\xff\xc2" + struct.pack(">HBHHB", 8, 8, height, width, 0)
    return b"\xff\xd8" + text * 2 + size + b"\xff\xda\x00\x02"


def build_webp_headers(width: int, height: int) -> dict[str, bytes]:
    """The beginnings of a lossy, a lossless and an extended WebP."""
    contents = {
        "VP8 ": b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height),
        "VP8L": b"\x2f" + struct.pack("<I", (width - 1) | (height - 1) << 14),
        "VP8X": b"\0\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little"),
    }
    return {
        kind: b"RIFF\0\0\0\0WEBP" + kind.encode() + struct.pack("<I", len(content)) + content
        for kind, content in contents.items()
    }
