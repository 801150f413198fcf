"""The codecs that are found by the class of an object: our own for other packages, and those that plugins install.

Nothing is imported before there is an object to store or to load. A plugin's entry point wins over one of ours.
"""

from __future__ import annotations

import functools
import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from ..exceptions import CannotStoreError, FrameError

__all__ = ('GROUP', 'codec_for', 'codec_named', 'encode', 'runs_no_code')

#: The entry point group. The name of an entry point is the full name of a class, ``package.module.Class``.
GROUP = 'dreamflow.codecs'

# Classes of other packages, by the package alone: between versions they move from module to module.
_OWN = {
    f'{package}.{name}': f'{__package__}.{package}_codecs'
    for package, names in {
        'pandas': 'BooleanArray Categorical CategoricalIndex DataFrame DatetimeArray DatetimeIndex FloatingArray Index '
        'IntegerArray Interval IntervalArray IntervalIndex MultiIndex NAType NaTType Period PeriodArray PeriodIndex RangeIndex Series '
        'SparseArray StringArray Timedelta TimedeltaArray TimedeltaIndex Timestamp',
        'numpy': 'MaskedArray',
        'zoneinfo': 'ZoneInfo',
    }.items()
    for name in names.split()
}


@functools.cache
def _installed() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def codec_for(cls: type) -> str | None:
    """The name of the codec for objects of exactly this class; ``None`` if there is none.

    :param cls: the class.
    """
    module: object = cls.__module__
    if not isinstance(module, str):  # a few classes have a descriptor there
        return None
    name = f'{module}.{cls.__qualname__}'
    if name in _installed():
        return name
    own = f'{module.partition(".")[0]}.{cls.__qualname__}'
    return own if own in _OWN else None


@functools.cache
def codec_named(name: str) -> Any:
    """The codec with this name.

    :param name: the full name of a class.
    :raises FrameError: if it is not installed here.
    """
    if name in _installed():
        found = _installed()[name].load()
        return found() if isinstance(found, type) else found
    if name not in _OWN:
        raise FrameError(
            f'a stored value needs the codec `{name}` (entry point group `{GROUP}`): install the package that has it'
        )
    try:
        module = importlib.import_module(_OWN[name])
    except ImportError as error:
        raise FrameError(f'a stored value needs `{name}`, which cannot be imported here: {error}') from error
    return module.CODECS[name.partition('.')[2]]


def encode(name: str, value: object, ref: Any) -> Any | None:
    """What the codec of this name makes of an object.

    :raises CannotStoreError: if the codec refuses or fails.
    """
    try:
        return codec_named(name).encode(value, ref)
    except CannotStoreError:
        raise
    except Exception as error:
        raise CannotStoreError(
            type(value).__name__, '', f'its codec `{name}` failed with {type(error).__name__}: {error}'
        ) from error


def runs_no_code(name: str) -> bool:
    """Whether decoding with this codec runs no code of a document's choosing; loads it to ask."""
    try:
        return not getattr(codec_named(name), 'runs_code', True)
    except FrameError:
        return False
