"""The size of a picture is told by its header, so that none is decoded that would take the machine's memory."""

import struct
from base64 import b64encode

import pytest

from customerhub.core.picture_limits import MAX_SIDE, PictureSize, find_excess, read_size
from tests.support.pictures import build_blank_png, build_jpeg_header, build_webp_headers

WIDTH, HEIGHT = 9000, 5000
PICTURES = {
    "PNG": build_blank_png(WIDTH, HEIGHT),
    "JPEG": build_jpeg_header(WIDTH, HEIGHT),
    "GIF": b"GIF89a" + struct.pack("<HH", WIDTH, HEIGHT),
    **build_webp_headers(WIDTH, HEIGHT),
}


@pytest.mark.parametrize("content", PICTURES.values(), ids=list(PICTURES))
def test_the_header_tells_the_size(content: bytes) -> None:
    assert read_size(content) == PictureSize(WIDTH, HEIGHT)
    assert find_excess(content) == PictureSize(WIDTH, HEIGHT)


@pytest.mark.parametrize("content", PICTURES.values(), ids=list(PICTURES))
def test_a_header_that_is_cut_off_or_wrong_ends_nowhere(content: bytes) -> None:
    for length in range(min(len(content), 60)):
        read_size(content[:length])
    read_size(content[:3] + b"\xff" * 40)


def test_of_several_sizes_of_a_jpeg_the_largest_counts() -> None:
    small, large = build_jpeg_header(10, 10)[:-4], build_jpeg_header(WIDTH, HEIGHT)[2:]
    assert read_size(small + large) == PictureSize(WIDTH, HEIGHT)


def test_what_may_be_decoded() -> None:
    assert find_excess(build_blank_png(MAX_SIDE, MAX_SIDE)) is None
    assert find_excess(build_blank_png(MAX_SIDE + 1, 1)) is not None
    for content in (b"", b"just a text", b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        assert find_excess(content) is None


def test_a_picture_inside_a_drawing_counts() -> None:
    for content, has_excess in ((PICTURES["PNG"], True), (build_blank_png(4, 2), False)):
        data = b64encode(content).decode()
        for text in (data, f"\n {data[:40]}\n {data[40:]}", data.rstrip("=")):
            drawing = f'<svg xmlns="http://www.w3.org/2000/svg"><image href="data:image/png;base64,{text}"/></svg>'
            assert (find_excess(drawing.encode()) is not None) is has_excess
            assert (find_excess(b'<?xml version="1.0"?>\n' + drawing.encode()) is not None) is has_excess
