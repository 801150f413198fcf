"""Whether objects may be pickled, that is, stored as their class says in ``__reduce_ex__``: the switch.

Plain values, what has a codec, and classes that declare their fields (dataclasses, attrs, pydantic, named tuples) are not
concerned. A workflow turns pickles off for its runs, ``@workflow(pickles=False)``, and ``verdi data dreamflow pickles off``
for all that a profile stores and loads.
"""

from __future__ import annotations

import copyreg
import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from .profile import profile_file

__all__ = ('declares_fields', 'pickles_allowed', 'set_pickles', 'why_not', 'without_pickles')

_turned_off: ContextVar[bool] = ContextVar('pickles turned off', default=False)
_OFF_FILE = '.no-pickles'


@contextmanager
def without_pickles(off: bool = True) -> Iterator[None]:
    """Turn pickles off within a block, as a workflow does for its steps.

    :param off: whether to do so.
    """
    token = _turned_off.set(off or _turned_off.get())
    try:
        yield
    finally:
        _turned_off.reset(token)


def pickles_allowed() -> bool:
    """Return whether the loaded profile allows pickles."""
    path = profile_file(_OFF_FILE)
    return path is None or not path.exists()


def set_pickles(allowed: bool) -> None:
    """Turn pickles on or off for the loaded profile.

    :param allowed: whether objects may be pickled, and what was pickled be loaded.
    :raises RuntimeError: if no profile is loaded.
    """
    path = profile_file(_OFF_FILE)
    if path is None:
        raise RuntimeError('no AiiDA profile is loaded; call `aiida.load_profile()` first')
    if allowed:
        path.unlink(missing_ok=True)
    else:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch()


def why_not() -> str | None:
    """Return why nothing may be pickled now; ``None`` if it may."""
    if _turned_off.get():
        return 'pickles are turned off for this workflow (`@workflow(pickles=False)`)'
    return None if pickles_allowed() else 'pickles are turned off for this profile (`verdi data dreamflow pickles on`)'


def declares_fields(cls: Any) -> bool:
    """Return whether a class says what its instances consist of, and has no way of its own to pickle them.

    :param cls: the class.
    """
    if cls.__reduce_ex__ is not object.__reduce_ex__ or cls.__reduce__ is not object.__reduce__:
        return False
    return cls not in copyreg.dispatch_table and (
        dataclasses.is_dataclass(cls)
        or hasattr(cls, '__attrs_attrs__')
        or hasattr(cls, '__pydantic_fields__')
        or (issubclass(cls, tuple) and hasattr(cls, '_fields'))
    )
