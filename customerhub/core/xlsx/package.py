"""The zip file of a workbook: what is refused before a byte of it is unpacked, and its parts as streams."""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from customerhub.core.errors import Invalid

MIB: Final = 1024 * 1024
PIECE_SIZE: Final = 128 * 1024  # bytes unpacked at a time
MAX_PARTS = 2_000
MAX_DIRECTORY_SIZE = 1 * MIB  # bytes of the zip file's directory
MAX_RATIO = 250  # unpacked to packed, beyond SMALL
MAX_UNCHECKED_SIZE = 64 * MIB
MAX_OFFSET: Final = 2**62  # what a file can be asked to seek to

_ZIP_SIGNATURE = b"PK\x03\x04"
_COMPOUND_SIGNATURE = bytes.fromhex("d0cf11e0a1b11ae1")  # old Excel files, and the envelope of encrypted ones
_ENCRYPTED_MARKER = "EncryptedPackage".encode("utf-16-le")
_DIRECTORY_END = struct.Struct("<4s4H2LH")
_ZIP64_LOCATOR = struct.Struct("<4sLQL")  # right before _DIRECTORY_END, where the zip file has the larger numbers
_ZIP64_DIRECTORY_END = struct.Struct("<4sQ2H2L4Q")
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    UnicodeError,
    struct.error,
    ValueError,
)

SAVE_AS_XLSX = "Save it in Excel as “Excel Workbook (.xlsx)” and upload that file"


class UnusableFile(Invalid):
    """The file as a whole cannot be imported. The message says why, and what would help."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "file")


def build_damaged_error(detail: str = "it cannot be unpacked") -> UnusableFile:
    return UnusableFile(f"The file is damaged: {detail}. Open it in Excel, save it again and upload that file")


class Package:
    """The parts of a workbook, by their names in small letters. Closing it leaves the file open."""

    def __init__(self, file: BinaryIO, *, max_bytes: int) -> None:
        """Raises UnusableFile where `file` is no zip file, or one that would unpack to more than `max_bytes`."""
        _refuse_other_kinds(file)
        _refuse_huge_directory(file)
        try:
            self._zip = zipfile.ZipFile(file)
        except _ZIP_ERRORS:
            raise build_damaged_error() from None
        self._parts = {info.filename.replace("\\", "/").lower(): info for info in self._zip.infolist()}
        _refuse_bombs(self._zip.infolist(), max_bytes)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._parts

    def stream(self, name: str) -> Iterator[bytes]:
        """The bytes of a part, a piece at a time. Raises UnusableFile where there is no such part or it is damaged."""
        info = self._parts.get(name.lower())
        if info is None:
            raise build_damaged_error(f"its part {name} is missing")
        try:
            with self._zip.open(info) as part:
                while piece := part.read(PIECE_SIZE):
                    yield piece
        except _ZIP_ERRORS:
            raise build_damaged_error(f"its part {name} cannot be unpacked") from None

    def close(self) -> None:
        self._zip.close()


def _refuse_other_kinds(file: BinaryIO) -> None:
    """Raises UnusableFile, naming its kind, where `file` is not a zip file."""
    file.seek(0)
    beginning = file.read(8)
    if not beginning:
        raise UnusableFile("The file is empty")
    if beginning == _COMPOUND_SIGNATURE:
        file.seek(0)
        if _contains_bytes(file, _ENCRYPTED_MARKER):
            raise UnusableFile("The file is encrypted. Remove the password in Excel, save it and upload that file")
        raise UnusableFile(f"This is an old Excel file (.xls) or a file of another old program. {SAVE_AS_XLSX}")
    if not beginning.startswith(_ZIP_SIGNATURE):
        raise UnusableFile(f"This is not an Excel file. {SAVE_AS_XLSX}")


def _contains_bytes(file: BinaryIO, pattern: bytes) -> bool:
    tail = b""
    while piece := file.read(PIECE_SIZE):
        if pattern in tail + piece:
            return True
        tail = piece[-len(pattern) :]
    return False


def _refuse_huge_directory(file: BinaryIO) -> None:
    """Opening a zip file reads its whole directory, so its size is looked at first."""
    end = file.seek(0, 2)
    file.seek(max(0, end - 65_535 - _DIRECTORY_END.size))
    tail = file.read()
    position = tail.rfind(b"PK\x05\x06")
    if position < 0 or position + _DIRECTORY_END.size > len(tail):
        raise build_damaged_error("its end is missing")
    _, _, _, _, parts, directory, _, _ = _DIRECTORY_END.unpack_from(tail, position)
    if position >= _ZIP64_LOCATOR.size:
        parts, directory = _read_zip64_sizes(file, tail[position - _ZIP64_LOCATOR.size : position]) or (
            parts,
            directory,
        )
    if parts > MAX_PARTS or directory > MAX_DIRECTORY_SIZE:
        raise UnusableFile(f"The file has more than {MAX_PARTS:,} parts. An Excel file of customers has about ten")


def _read_zip64_sizes(file: BinaryIO, locator: bytes) -> tuple[int, int] | None:
    """(number of parts, bytes of the directory) of a zip file with the larger numbers; None where it is another."""
    signature, _, offset, _ = _ZIP64_LOCATOR.unpack(locator)
    if signature != b"PK\x06\x07":
        return None
    file.seek(min(offset, MAX_OFFSET))
    record = file.read(_ZIP64_DIRECTORY_END.size)
    if len(record) < _ZIP64_DIRECTORY_END.size or not record.startswith(b"PK\x06\x06"):
        raise build_damaged_error("its end is missing")
    _, _, _, _, _, _, _, parts, directory, _ = _ZIP64_DIRECTORY_END.unpack(record)
    return parts, directory


def _refuse_bombs(parts: list[zipfile.ZipInfo], max_bytes: int) -> None:
    """Sizes are those of the directory; unpacking stops at them, so they cannot be understated."""
    if len(parts) > MAX_PARTS:
        raise UnusableFile(f"The file has more than {MAX_PARTS:,} parts. An Excel file of customers has about ten")
    unpacked = sum(info.file_size for info in parts)
    packed = sum(info.compress_size for info in parts)
    if unpacked > max_bytes or (unpacked > MAX_UNCHECKED_SIZE and unpacked > MAX_RATIO * max(packed, 1)):
        raise UnusableFile(
            f"The file would unpack to {unpacked // MIB:,} MB, too large for a list of customers. "
            "Copy the rows into a new workbook and upload that"
        )
    for info in parts:
        if info.flag_bits & 0x1:
            raise UnusableFile("The file is encrypted. Remove the password in Excel, save it and upload that file")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise build_damaged_error("it uses an unsupported compression method")
