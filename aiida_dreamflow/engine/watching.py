"""Whether the files of a workflow still say what it runs; it goes on with the source that it was launched with."""

from __future__ import annotations

from pathlib import Path

from ..compiler import Bundle
from ..compiler.modules import texts_of

__all__ = ('Watch',)


class Watch:
    """Notices that files whose source is stored with a process have been edited or deleted.

    :param bundle: the source.
    :param files: those of its files that were there when it was launched: the cell of a notebook never is.
    """

    def __init__(self, bundle: Bundle, files: list[str]) -> None:
        self._bundle = bundle
        self._seen: dict[str, tuple[int, int] | None] = dict.fromkeys(files, (0, 0))

    def changes(self) -> dict[str, str]:
        """Return how files differ by now, by name; looks only into those that have changed since it last looked."""
        found = {}
        for filename, before in self._seen.items():
            now = _state(filename)
            if now != before:
                self._seen[filename] = now
                if now is None:
                    found[filename] = 'was deleted'
                elif not self._bundle.is_text_of(filename, texts_of(filename)[1]):
                    found[filename] = 'was edited'
        return found


def _state(filename: str) -> tuple[int, int] | None:
    try:
        status = Path(filename).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
