"""Entries of folders, as `os.scandir` gives them: `Path.glob` keeps those of a folder while it goes through them.

An entry is taken from its folder again. One whose file is not there any more comes back as a `LostEntry`: a loop over files
that are moved away one by one goes on. Knows the standard library only.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..exceptions import CannotStoreError
from .records import Kind, Reader, Record, Writing

__all__ = ('KINDS', 'WRITERS', 'LostEntry')

_MOST_FOLDERS = 8


@dataclass(frozen=True)
class _Listing:
    """What a folder had when it was looked into.

    :ivar changed: when the folder was changed last, in nanoseconds.
    :ivar names: all that is in it.
    :ivar left: the entries that nobody was given yet, by their names: an entry keeps what it has found out.
    """

    changed: int
    names: frozenset[str | bytes]
    left: dict[str | bytes, os.DirEntry[Any]]


#: Those looked into last.
_listings: dict[str | bytes, _Listing] = {}


class LostEntry:
    """An entry whose file is gone, or another: it answers as an `os.DirEntry` of it did, which cannot be made in Python.

    :param name: the name of the file.
    :param path: its path.
    :param kinds: whether it was a folder, a file, a symbolic link; links were not followed.
    :param inode: its number.
    """

    def __init__(self, name: str | bytes, path: str | bytes, kinds: tuple[bool, bool, bool], inode: int) -> None:
        self.name = name
        self.path = path
        self._kinds = kinds
        self._inode = inode

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Return whether it was a folder; of what a symbolic link leads to, whether it is one."""
        return self._file().is_dir() if follow_symlinks and self.is_symlink() else self._kinds[0]

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Return whether it was a file; of what a symbolic link leads to, whether it is one."""
        return self._file().is_file() if follow_symlinks and self.is_symlink() else self._kinds[1]

    def is_symlink(self) -> bool:
        """Return whether it was a symbolic link."""
        return self._kinds[2]

    def is_junction(self) -> bool:
        """Return ``False``: only Windows has junctions."""
        return False

    def inode(self) -> int:
        """Return the number that the file had."""
        return self._inode

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Return what the system says of the file that is there now.

        :raises FileNotFoundError: if there is none.
        """
        return self._file().stat(follow_symlinks=follow_symlinks)

    def _file(self) -> Path:
        return Path(os.fsdecode(self.path))

    def __fspath__(self) -> str | bytes:
        return self.path

    def __repr__(self) -> str:
        return f'<DirEntry {self.name!r}>'


def _write_entry(value: os.DirEntry[Any], w: Writing) -> Record:
    if value.path == value.name:
        reason = 'its folder was opened by a number, which means nothing after a restart; open it by its path'
        raise CannotStoreError('DirEntry', '', reason)
    kinds = [False, False, False]
    with contextlib.suppress(OSError):  # where the system has to ask for it, and the file is gone
        kinds = [value.is_dir(follow_symlinks=False), value.is_file(follow_symlinks=False), value.is_symlink()]
    return ['folder entry', [w.ref(value.name), w.ref(value.path), kinds, value.inode()]]


def _make_entry(first: Any, r: Reader) -> object:
    name, path = map(r.get, first[:2])
    folder = path[: -len(name)]
    found = _entry_of(folder, name)
    if found is not None and found.path == path and found.inode() == first[3]:
        return found
    return LostEntry(name, path, tuple(first[2]), first[3])


def _entry_of(folder: str | bytes, name: str | bytes) -> os.DirEntry[Any] | None:
    known = _listings.get(folder)
    try:
        changed = os.stat(folder).st_mtime_ns  # noqa: PTH116  (what it is may be bytes)
        if known is None or known.changed != changed or (name in known.names and name not in known.left):
            if len(_listings) >= _MOST_FOLDERS:
                _listings.clear()
            with os.scandir(folder) as entries:
                left = {entry.name: entry for entry in entries}
            known = _listings[folder] = _Listing(changed, frozenset(left), left)
    except OSError:
        return None
    return known.left.pop(name, None)


WRITERS: dict[type, Any] = {os.DirEntry: _write_entry}
KINDS = (Kind('folder entry', _make_entry),)
