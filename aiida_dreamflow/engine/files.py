"""The files of frames in the repository of the profile.

The repository knows its objects by their content. So a record of a step may name what an earlier one wrote, and each is
complete in itself: a file lives as long as a node names it.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Mapping
from typing import Any, BinaryIO

__all__ = ('RepositoryFiles',)


class RepositoryFiles:
    """Keeps files for one run; what is there already is not written again.

    :param repository: AiiDA's repository backend.
    :param keys: the keys in it of the files that the last record names, by sha256.
    :ivar keys: those of the files that the next one may name.
    """

    def __init__(self, repository: Any, keys: Mapping[str, str]) -> None:
        self._repository = repository
        self.keys = dict(keys)

    def add(self, sha: str, data: bytes) -> None:
        """Keep a file."""
        if sha not in self.keys:
            self.keys[sha] = self._repository.put_object_from_filelike(io.BytesIO(data))

    def add_stream(self, stream: BinaryIO) -> str:
        """Keep a file; returns its sha256."""
        key = self._repository.put_object_from_filelike(stream)
        sha: str = self._repository.get_object_hash(key)
        self.keys[sha] = key
        return sha

    def read(self, sha: str) -> bytes:
        """Return the content of a file."""
        with self._repository.open(self.keys[sha]) as handle:
            content: bytes = handle.read()
        return content

    def forget_others(self, needed: Collection[str]) -> None:
        """Forget the files that the last frame does not need: maintenance may remove them."""
        self.keys = {sha: self.keys[sha] for sha in needed}
