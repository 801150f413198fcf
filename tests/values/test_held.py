"""What a module holds too: its own object if that has the content that it had, else a copy."""

from __future__ import annotations

from aiida_dreamflow.values.held import HeldCodec
from aiida_dreamflow.values.snapshot import decode, encode

ITEMS = [1, 'two']
NESTED = [[1]]


class Holder:
    empty: dict = {}  # noqa: RUF012


def function():
    pass


def stored(value):
    return encode({'': value}, [HeldCodec([function])])


def loaded(snapshot):
    return decode(snapshot.document, snapshot.blobs.__getitem__, [HeldCodec()])['']


def test_the_same_object():
    assert loaded(stored(ITEMS)) is ITEMS
    assert loaded(stored([Holder.empty]))[0] is Holder.empty


def test_a_copy_if_it_has_changed():
    snapshot = stored(ITEMS)
    ITEMS.append(3)
    try:
        found = loaded(snapshot)
    finally:
        ITEMS.pop()
    assert found == [1, 'two']
    assert found is not ITEMS


def test_a_copy_if_it_is_gone(monkeypatch):
    snapshot = stored(ITEMS)
    monkeypatch.delitem(globals(), 'ITEMS')
    assert loaded(snapshot) == [1, 'two']


def test_what_has_something_mutable_inside_is_a_copy():
    found = loaded(stored([NESTED, NESTED[0]]))
    assert found[0] is not NESTED
    assert found[0][0] is found[1]
