"""Data nodes as a person wants to see them: in a few words, with shape and type, from what a query gives.

A node is not loaded for this, and no pickle is. Of an array the first and the last items are read from its file.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, BinaryIO

from aiida import orm

from ..values.data import short_text
from ..values.nodes import from_node

__all__ = ('Shown', 'ValueRow', 'shown', 'shown_text')

#: The largest number of characters of a value.
LIMIT = 120
#: So many items of a list or an array are shown at each end.
ENDS = 3
#: The header of an array's file is not longer than this.
_HEADER = 1 << 16


@dataclass(frozen=True)
class ValueRow:
    """A data node, as the database has it: columns, and those of its attributes that tell its value."""

    pk: int
    uuid: str
    node_type: str
    label: str
    files: Mapping[str, Any] | None
    value: Any
    text: str | None
    python_type: str | None
    items: list[Any] | None
    shape: list[int] | None
    name: Any
    filename: Any


@dataclass(frozen=True)
class Shown:
    """A value, as it is shown.

    :ivar node_type: the class of the node that holds it, such as ``Float``; empty if it has none.
    :ivar pk: that node.
    :ivar uuid: the same.
    :ivar python_type: the type of the value; empty if that is not known.
    :ivar shape: of an array.
    :ivar plain: the value itself, if it is a number, a text or ``None``.
    """

    node_type: str = ''
    pk: int | None = None
    uuid: str = ''
    python_type: str = ''
    shape: tuple[int, ...] | None = None
    plain: Any = None
    _text: str = field(default='', repr=False)
    _read: Callable[[], str] | None = field(default=None, repr=False, compare=False)

    @property
    def text(self) -> str:
        """The value in a few words."""
        if self._read is not None:
            object.__setattr__(self, '_text', self._read())
            object.__setattr__(self, '_read', None)
        return self._text

    def load(self) -> Any:
        """Return the value.

        :raises UntrustedValueError: if that would run code that this profile has not written.
        :raises LookupError: if no node holds it.
        """
        if self.pk is None:
            raise LookupError(f'no node holds it; it is shown as it was stored: {self.text}')
        return from_node(orm.load_node(uuid=self.uuid))

    def __str__(self) -> str:
        return self.text


def shown(row: ValueRow, open_file: Callable[[str], Any], attributes: Callable[[int], Mapping[str, Any]]) -> Shown:
    """Return how a node is shown.

    :param open_file: opens a file of the storage, by its key.
    :param attributes: gives all attributes of a node, asked of a ``Dict`` only.
    """
    node_type = row.node_type.split('.')[-2] if row.node_type.count('.') > 1 else row.node_type
    common: dict[str, Any] = {'node_type': node_type, 'pk': row.pk, 'uuid': row.uuid}
    if row.text is not None:
        plain = row.value if isinstance(row.value, int | float | str | bool) else None
        return Shown(**common, python_type=row.python_type or '', plain=plain, _text=short_text(row.text, LIMIT))
    if node_type in _SCALARS:
        python = _SCALARS[node_type]
        value = float(row.value) if python is float and row.value is not None else row.value
        return Shown(**common, python_type=python.__name__, plain=value, _text=shown_text(value))
    if node_type == 'List':
        items = row.items or []
        return Shown(**common, python_type='list', shape=(len(items),), _text=shown_text(items))
    if node_type == 'Dict':
        return Shown(**common, python_type='dict', _read=lambda: shown_text(attributes(row.pk)))
    if node_type == 'ArrayData' and row.shape is not None:
        read = partial(_array_text, open_file, _key_of(row.files), row.shape)
        return Shown(**common, python_type='numpy.ndarray', shape=tuple(row.shape), _read=read)
    return Shown(**common, _text=f'{node_type} {row.name or row.filename or row.label}'.strip())


_SCALARS: dict[str, type] = {'Int': int, 'Float': float, 'Str': str, 'Bool': bool}


def _key_of(files: Mapping[str, Any] | None) -> str | None:
    key: str | None = (files or {}).get('o', {}).get('default.npy', {}).get('k')
    return key


def shown_text(value: Any) -> str:
    """Return plain data in a few words: of a long list or text its beginning and its end.

    :param value: what JSON can say.
    """
    if isinstance(value, list | tuple):
        texts = [shown_text(item) for item in (value if len(value) <= 2 * ENDS else [*value[:ENDS], *value[-ENDS:]])]
        if len(value) > 2 * ENDS:
            texts.insert(ENDS, '...')
        inside = ', '.join(texts)
        text = f'[{inside}]' if len(value) <= 2 * ENDS else f'[{inside}] ({len(value):,} items)'
        return text if len(text) <= LIMIT else f'{short_text(text, LIMIT - 20)} ({len(value):,} items)'
    if isinstance(value, dict):
        inside = ', '.join(f'{key!r}: {shown_text(item)}' for key, item in [*value.items()][: 2 * ENDS])
        text = f'{{{inside}}}' if len(value) <= 2 * ENDS else f'{{{inside}, ...}} ({len(value):,} keys)'
        return text if len(text) <= LIMIT else f'{short_text(text, LIMIT - 20)} ({len(value):,} keys)'
    if isinstance(value, str) and len(value) > LIMIT:
        return f'{value[: LIMIT // 2]!r}...{value[-20:]!r} ({len(value):,} characters)'
    return repr(value)


# -- arrays


def _array_text(open_file: Callable[[str], Any], key: str | None, shape: Sequence[int]) -> str:
    """Return type, shape and ends of an array; without its file, what the node says of it."""
    size = 'x'.join(map(str, shape))
    if key is None:
        return f'array {size}'
    try:
        with open_file(key) as stream:
            return _ends(stream, size)
    except Exception:  # the file of an array that was deleted, or of a format to come
        return f'array {size}, whose file cannot be read'


def _ends(stream: BinaryIO, size: str) -> str:
    import numpy as np

    start = stream.read(10)
    length = int.from_bytes(start[8:10], 'little')
    if start[:6] != b'\x93NUMPY' or start[6] != 1 or length > _HEADER:
        return f'array {size}'
    header = ast.literal_eval(stream.read(length).decode('latin-1'))
    dtype, count = np.dtype(header['descr']), math.prod(header['shape'])
    if dtype.hasobject:
        return f'array of objects {size}'
    first = np.frombuffer(stream.read(dtype.itemsize * min(count, 2 * ENDS)), dtype)
    items = [*first]
    if count > 2 * ENDS:
        stream.seek(10 + length + dtype.itemsize * (count - ENDS))
        items = [*first[:ENDS], *np.frombuffer(stream.read(dtype.itemsize * ENDS), dtype)]
    texts = [f'{item:.6g}' if dtype.kind in 'fc' else str(item) for item in items]
    if count > 2 * ENDS:
        texts.insert(ENDS, '...')
    return f'{dtype} {size} [{" ".join(texts)}]' if header['shape'] else f'{dtype} {texts[0]}'
