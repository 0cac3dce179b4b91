"""Where a picture ends. What stands behind it is not a picture: so archives and web pages are smuggled along.

Phones do append things: further pictures of the same scene, and the film of a moving photo. Those are let through, and
thrown away with everything else that is not the picture.
"""

import struct
from typing import Final

_STARTS_OF_PNG, _STARTS_OF_JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_SCAN, _END, _STUFFED, _RESTARTS = 0xDA, 0xD9, 0x00, range(0xD0, 0xD8)
_ALONE: Final = frozenset({0x01, *_RESTARTS, 0xD8})
_SMUGGLED: Final = (b"PK\x03\x04", b"PK\x05\x06", b"Rar!", b"7z\xbc\xaf", b"%PDF-", b"\x7fELF", b"<?php", b"<script",
                    b"<html", b"<!doctype", b"<svg", b"<body")  # fmt: skip


def has_something_behind(content: bytes) -> bool:
    """Whether more follows the end of the picture than pictures and film. Raises: ValueError when it has no end."""
    behind = content[_end_of(content) :].lstrip(b"\x00")
    if not behind:
        return False
    lower = behind.lower()
    if any(sign.lower() in lower for sign in _SMUGGLED):
        return True
    is_jpeg = content.startswith(_STARTS_OF_JPEG)
    return not (is_jpeg and (behind.startswith(_STARTS_OF_JPEG) or b"ftyp" in behind[:12]))


def _end_of(content: bytes) -> int:
    if content.startswith(_STARTS_OF_JPEG):
        return _end_of_jpeg(content)
    if content.startswith(_STARTS_OF_PNG):
        return _end_of_png(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        size = 8 + int(struct.unpack_from("<I", content, 4)[0])
        return size if size <= len(content) else _no_end()
    return _no_end()


def _end_of_png(content: bytes) -> int:
    position = len(_STARTS_OF_PNG)
    while position + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        position += 12 + int(length)
        if kind == b"IEND" and position <= len(content):
            return position
    return _no_end()


def _end_of_jpeg(content: bytes) -> int:
    """Segments tell their length; between a scan's header and the next marker, 0xFF is followed by 0x00 or a restart."""
    position = 2
    while position + 1 < len(content):
        if content[position] != 0xFF:
            return _no_end()
        marker = content[position + 1]
        if marker == 0xFF:  # a filling byte
            position += 1
        elif marker == _END:
            return position + 2
        elif marker in _ALONE:
            position += 2
        else:
            position = _after_segment(content, position, marker)
    return _no_end()


def _after_segment(content: bytes, position: int, marker: int) -> int:
    if position + 4 > len(content):
        return _no_end()
    position += 2 + int(struct.unpack_from(">H", content, position + 2)[0])
    return _after_scan(content, position) if marker == _SCAN else position


def _after_scan(content: bytes, position: int) -> int:
    while (position := content.find(b"\xff", position)) >= 0 and position + 1 < len(content):
        if content[position + 1] != _STUFFED and content[position + 1] not in _RESTARTS:
            return position
        position += 2
    return _no_end()


def _no_end() -> int:
    message = "a picture without an end"
    raise ValueError(message)
