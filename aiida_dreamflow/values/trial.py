"""Whether what was just written can be loaded, and is what it was: it is loaded, written again, and compared.

Some of it is not loaded but stands for itself, as it would be the same or could not be had twice: classes and functions, and what
the codecs of a frame write, such as handles, generators, nodes and values that are made again. It knows nothing of how
anything is stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..exceptions import CannotStoreError, FrameError
from .addresses import PointsAt
from .differences import NOT_LOADED, Stored, differences
from .proving import in_child
from .rebuild import UnbuildableError, rebuild
from .records import CODEC, Kind, Reader, Record, canonical
from .registry import kind_named

__all__ = ('require_loads',)

_KEPT = Kind('', lambda first, reader: None)


class _Encoder(Protocol):
    """What a trial asks of the encoder."""

    every: Sequence[Any]
    values: list[object]
    records: list[Record]
    current: int

    @property
    def located(self) -> Mapping[int | str, PointsAt]: ...
    def run(self, roots: Mapping[str, object]) -> dict[str, Any]: ...
    def again(self, stands_for: Mapping[int, object]) -> _Encoder: ...


class _Decoder(Reader, Protocol):
    built: dict[int, object]


def require_loads(
    encoder: _Encoder, document: dict[str, Any], roots: Mapping[str, object], reader: Callable[[], _Decoder]
) -> None:
    """Refuse what cannot be loaded, or is not what it was then.

    :param encoder: what has written it; is told which object it is about.
    :param document: what it has written.
    :param roots: of what.
    :param reader: makes what the kinds of records ask.
    :raises CannotStoreError: with an empty path.
    """
    trial = _Trial(encoder, document, roots, reader)
    answer = in_child(trial.run)
    if answer:
        encoder.current = answer['object']
        kind = type(encoder.values[encoder.current]).__name__
        raise CannotStoreError(kind, '', answer['reason'], by_choice=True)


class _Trial:
    def __init__(
        self, encoder: _Encoder, document: dict[str, Any], roots: Mapping[str, object], reader: Callable[[], _Decoder]
    ) -> None:
        self.encoder, self.document, self.roots, self.reader = encoder, document, roots, reader
        own = {CODEC + codec.name for codec in encoder.every}
        self.themselves = {
            index: value
            for index, (value, record) in enumerate(zip(encoder.values, encoder.records, strict=True))
            if record[0] in NOT_LOADED or record[0] in own
        }
        said = {id(points): said for said, points in encoder.located.items()}
        self.themselves |= {
            index: said[id(value)]
            for index, value in enumerate(encoder.values)
            if type(value) is PointsAt and id(value) in said
        }
        self.alive: list[Any] = []

    def run(self) -> dict[str, Any]:
        """Return which object is wrong, and why; nothing if all is well."""
        try:
            again = self.written_again()
        except UnbuildableError as error:
            return {'object': error.number, 'reason': f'what is stored of it cannot be loaded: {error}'}
        except FrameError as error:
            return {'object': 0, 'reason': f'what is stored of it cannot be loaded: {error}'}
        except CannotStoreError as error:
            number = self.written_last()
            if number is not None and error.__cause__ is None:
                return {}  # what could be stored before is refused for its place in the process, which a copy does not have
            return {'object': number or 0, 'reason': f'it can be loaded, but not be stored again then: {error.reason}'}
        first: Stored = self.document, self.encoder.values
        found = differences(first, again)
        if found:  # what differs from time to time by itself says nothing
            by_itself = [*differences(first, self.written(self.roots, {})), *differences(again, self.written_again())]
            found = {path: owner for path, owner in found.items() if not path.startswith((*by_itself,))}
        for path in sorted(found)[:1]:
            reason = (
                f'loaded again it is not what it was, as `{path.rpartition(":")[2]}` shows: what its class gives in `__getstate__` or '
                '`__reduce__`, and what it makes of that, do not fit each other'
            )
            return {'object': found[path], 'reason': reason}
        return {}

    def written_again(self) -> Stored:
        """Load what was written, and write it."""
        document = json.loads(canonical(self.document))
        records = document['objects']
        reader = self.reader()
        reader.built.update(self.themselves)
        kinds = [_KEPT if index in self.themselves else kind_named(record[0]) for index, record in enumerate(records)]
        rebuild(records, kinds, reader.built, reader)
        self.alive.append(reader)
        stands_for = {
            id(value): reader.built[index]
            for index, value in enumerate(self.encoder.values)
            if index not in self.themselves and reader.built[index] is not value
        }
        return self.written({name: reader.get(document['roots'][name]) for name in self.roots}, stands_for)

    def written(self, roots: Mapping[str, object], stands_for: Mapping[int, object]) -> Stored:
        encoder = self.encoder.again(stands_for)
        self.alive.append(encoder)
        return encoder.run(roots), encoder.values

    def written_last(self) -> int | None:
        """Return the number of the object that could not be written again; ``None`` if there was no such object."""
        number = self.alive[-1].current
        ones, others = self.encoder.values, self.alive[-1].values
        return number if number < len(ones) and type(ones[number]) is type(others[number]) else None
