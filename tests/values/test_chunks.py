"""Long lists in chunks: what a step stores of one does not depend on its length, and each item is written a few times in all."""

from __future__ import annotations

import collections
import json

import numpy as np
import pytest

from aiida_dreamflow import checkpoint
from aiida_dreamflow.testing import run_in_memory
from aiida_dreamflow.values.chunk_files import layout
from aiida_dreamflow.values.chunks import ChunkCodec, files_of
from aiida_dreamflow.values.snapshot import decode, encode


class Frames:
    """Frames that hold one list, with which nothing else is done than to append to it."""

    def __init__(self):
        self.codec = ChunkCodec()
        self.files = {}
        self.written = 0

    def store(self, value, appended=True):
        """Return the document and the files that it needs."""
        self.codec.begin([id(value)] if appended else [])
        snapshot = encode({'v': value}, self.codec.codecs)
        self.codec.end()
        for sha, data in {**self.codec.blobs, **snapshot.blobs}.items():
            self.written += 0 if sha in self.files else len(data)
            self.files[sha] = data
        self.codec.blobs.clear()
        return snapshot.document, {*snapshot.blobs, *files_of(snapshot.document)}

    def load(self, document):
        return decode(
            json.loads(json.dumps(document)), self.files.__getitem__, ChunkCodec(self.files.__getitem__).codecs
        )['v']


@pytest.mark.parametrize(
    'item', [float, lambda i: np.full(150, i), lambda i: {'a': [i], 'b': 'text'}], ids=['floats', 'arrays', 'dicts']
)
def test_what_a_step_stores_does_not_grow(item):
    frames, seen, sizes, counts = Frames(), [], [], []
    for i in range(1000):
        seen.append(item(i))
        document, files = frames.store(seen)
        sizes.append(len(json.dumps(document)))
        counts.append(len(files))
    early, late = slice(100, 300), slice(800, 1000)
    assert sum(sizes[late]) < 1.15 * sum(sizes[early])
    assert max(counts[late]) <= max(counts[early])
    assert frames.written < 6 * len(json.dumps(encode({'v': seen}).document)) + 6 * sum(
        map(len, encode({'v': seen}).blobs.values())
    )
    found = frames.load(document)
    assert len(found) == 1000
    assert all(np.array_equal(a, b) if isinstance(a, np.ndarray) else a == b for a, b in zip(found, seen, strict=True))


def test_few_chunks_however_long():
    for units in range(5000):
        sizes = layout(units)
        assert sum(sizes) == units
        assert len(sizes) <= 3 + units // 2048
        assert sizes == sorted(sizes, reverse=True)


def test_taking_away_and_adding_at_the_end_writes_nothing():
    frames, seen = Frames(), [float(i) for i in range(1000)]
    frames.store(seen)
    for i in range(6):
        written = frames.written
        seen.pop() if i % 2 else seen.append(1.5)
        frames.store(seen, appended=False)
        assert frames.written == written


def test_large_items_have_files_of_their_own(monkeypatch):
    """They are not written again when chunks become one."""
    monkeypatch.setattr('aiida_dreamflow.values.chunk_files._INSIDE', 2000)
    frames, seen = Frames(), []
    for i in range(200):
        seen.append(bytes([i]) * 4000)
        frames.store(seen)
    assert frames.written < 250 * 4000
    assert frames.load(frames.store(seen)[0]) == seen


def test_a_chunk_is_not_larger_than_memory_likes(monkeypatch):
    monkeypatch.setattr('aiida_dreamflow.values.chunk_files._FULL_FILE', 100_000)
    frames, seen = Frames(), [np.full(500, i) for i in range(1000)]
    document, files = frames.store(seen)
    assert all(len(frames.files[sha]) < 300_000 for sha in files)
    assert [found.tolist() for found in frames.load(document)] == [array.tolist() for array in seen]
    seen.append(np.full(500, 1000))
    written = frames.written
    frames.store(seen)
    assert frames.written < written + 300_000


def test_shared_items_as_earlier_versions_stored_them():
    """By their places in the list; in the next frame they are still shared."""
    frames, seen = Frames(), [[n] for n in range(100)]
    document, _ = frames.store(seen)
    document = json.loads(json.dumps(document))
    document['objects'].append(['list', None, [7]])
    document['roots']['other'] = {'@': len(document['objects']) - 1}
    record = next(record for record in document['objects'] if record[0] == 'codec:chunks')
    record[2] = [*record[2], [[5, document['roots']['other']]], []]
    codec = ChunkCodec(frames.files.__getitem__)
    found = decode(document, frames.files.__getitem__, codec.codecs)
    assert found['v'][5] is found['other']
    assert found['v'][4] == [4]
    assert found['v'][6:] == seen[6:]
    assert not codec.is_owned(found, 'v')


@pytest.mark.parametrize('how', ['object', 'dict', 'named tuple', 'deep'])
def test_items_of_two_lists_are_of_the_class_that_the_workflow_has(how):
    async def workflow():
        class Local:
            mark = 1

            def made_by(self):
                return Local

        Pair = collections.namedtuple('Pair', 'first second')  # noqa: PYI024
        makers = {
            'object': Local,
            'dict': lambda: {'it': Local()},
            'named tuple': lambda: Pair(Local(), 2),
            'deep': lambda: [({'it': [Local()]},)],
        }
        many = [makers[how]() for _ in range(100)]
        same = many[:]
        await checkpoint()
        Local.mark = 2
        many.append(makers[how]())
        await checkpoint()
        items = [each for found in (many, same) for each in found]
        locals_ = [each for item in items for each in inside(item) if type(each).__name__ == 'Local']
        pairs = [item for item in items if hasattr(item, '_fields')]
        assert len(locals_) == 201
        assert all(first is second for first, second in zip(many, same, strict=False))
        assert {type(each) for each in locals_} == {Local}
        assert {each.made_by() for each in locals_} == {Local}
        assert {each.mark for each in locals_} == {2}
        return {type(pair) for pair in pairs} <= {Pair}

    def inside(item):
        if isinstance(item, (list, tuple)):
            return [each for part in item for each in inside(part)]
        return [each for part in item.values() for each in inside(part)] if isinstance(item, dict) else [item]

    assert run_in_memory(workflow)
