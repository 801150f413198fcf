"""Messages between the worker and an interpreter that it has started: JSON, and the blobs of a snapshot after it."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from typing import Any

__all__ = ('pack', 'unpacking')

_LENGTH = 8


def pack(content: Mapping[str, Any], blobs: Mapping[str, bytes]) -> list[bytes]:
    """Return a message as pieces to send one after the other.

    :param content: JSON data.
    :param blobs: bytes by name.
    """
    sizes = [[name, len(blob)] for name, blob in blobs.items()]
    head = json.dumps({'content': content, 'blobs': sizes}).encode('ascii')
    return [len(head).to_bytes(_LENGTH, 'big'), head, *blobs.values()]


def unpacking() -> Generator[int, bytes, tuple[Any, dict[str, bytes]]]:
    """Read a message: yields how many bytes it needs next, is sent them, returns content and blobs."""
    length = int.from_bytes((yield _LENGTH), 'big')
    head = json.loads((yield length))
    blobs = {}
    for name, size in head['blobs']:
        blobs[name] = yield size
    return head['content'], blobs
