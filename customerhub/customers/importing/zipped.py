"""The zip file that a workbook is: what is refused before a byte of it is unpacked, and its parts as streams."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from customerhub.errors import Invalid

MIB: Final = 1024 * 1024
PIECE: Final = 128 * 1024  # bytes unpacked at a time
MOST_PARTS = 2_000
MOST_DIRECTORY = 1 * MIB  # bytes of the zip file's directory
HIGHEST_RATIO = 250  # unpacked to packed, beyond SMALL
SMALL = 64 * MIB

_ZIP = b"PK\x03\x04"
_COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1")  # old Excel files, and the envelope of encrypted ones
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_DIRECTORY_END = struct.Struct("<4s4H2LH")
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    UnicodeError,
    struct.error,
    ValueError,
)

TELL_HOW = "Save it in Excel as “Excel Workbook (.xlsx)” and upload that file"


class Unusable(Invalid):
    """The file as a whole cannot be imported. The message says why, and what would help."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "file")


def damaged(what: str = "it cannot be unpacked") -> Unusable:
    return Unusable(f"The file is damaged: {what}. Open it in Excel, save it again and upload that file")


class Package:
    """The parts of a workbook, by their names in small letters. Closing it leaves the file open."""

    def __init__(self, file: BinaryIO, *, most_bytes: int) -> None:
        """Raises Unusable where `file` is no zip file, or one that would unpack to more than `most_bytes`."""
        _refuse_other_kinds(file)
        _refuse_huge_directory(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except _BROKEN:
            raise damaged() from None
        self._parts = {info.filename.replace("\\", "/").lower(): info for info in self._zip.infolist()}
        _refuse_bombs(self._zip.infolist(), most_bytes)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._parts

    def stream(self, name: str) -> Iterator[bytes]:
        """The bytes of a part, a piece at a time. Raises Unusable where there is no such part or it is damaged."""
        info = self._parts.get(name.lower())
        if info is None:
            raise damaged(f"its part {name} is missing")
        try:
            with self._zip.open(info) as part:
                while piece := part.read(PIECE):
                    yield piece
        except _BROKEN:
            raise damaged(f"its part {name} cannot be unpacked") from None

    def close(self) -> None:
        self._zip.close()


def _refuse_other_kinds(file: BinaryIO) -> None:
    """Tell what `file` is where it is not a zip file."""
    file.seek(0)
    beginning = file.read(8)
    if not beginning:
        raise Unusable("The file is empty")
    if beginning == _COMPOUND:
        file.seek(0)
        if _occurs(file, _ENCRYPTED):
            raise Unusable("The file is encrypted. Take the password off in Excel, save it and upload that file")
        raise Unusable(f"This is a file of an old Excel (.xls) or of another old program. {TELL_HOW}")
    if not beginning.startswith(_ZIP):
        raise Unusable(f"This is not an Excel file. {TELL_HOW}")


def _occurs(file: BinaryIO, wanted: bytes) -> bool:
    tail = b""
    while piece := file.read(PIECE):
        if wanted in tail + piece:
            return True
        tail = piece[-len(wanted) :]
    return False


def _refuse_huge_directory(file: BinaryIO) -> None:
    """Opening a zip file reads its whole directory, so its size is looked at first."""
    end = file.seek(0, 2)
    file.seek(max(0, end - 65_535 - _DIRECTORY_END.size))
    tail = file.read()
    place = tail.rfind(b"PK\x05\x06")
    if place < 0 or place + _DIRECTORY_END.size > len(tail):
        raise damaged("its end is missing")
    _, _, _, _, parts, directory, _, _ = _DIRECTORY_END.unpack_from(tail, place)
    if parts > MOST_PARTS or directory > MOST_DIRECTORY:
        raise Unusable(f"The file has more than {MOST_PARTS:,} parts. An Excel file of customers has about ten")


def _refuse_bombs(parts: list[zipfile.ZipInfo], most_bytes: int) -> None:
    """Sizes are those the directory tells; unpacking stops at them, so they cannot be understated."""
    if len(parts) > MOST_PARTS:
        raise Unusable(f"The file has more than {MOST_PARTS:,} parts. An Excel file of customers has about ten")
    unpacked = sum(info.file_size for info in parts)
    packed = sum(info.compress_size for info in parts)
    if unpacked > most_bytes or (unpacked > SMALL and unpacked > HIGHEST_RATIO * max(packed, 1)):
        raise Unusable(
            f"The file would unpack to {unpacked // MIB:,} MB, which is more than a list of customers can need. "
            "Copy the rows into a new workbook and upload that"
        )
    for info in parts:
        if info.flag_bits & 0x1:
            raise Unusable("The file is encrypted. Take the password off in Excel, save it and upload that file")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise damaged("it is packed in a way that Excel does not use")
