"""The loop over `re.finditer` goes on with the next match."""

from __future__ import annotations

import re

import pytest
from values.graphs import back

from aiida_dreamflow import checkpoint
from aiida_dreamflow.exceptions import CannotStoreError
from aiida_dreamflow.testing import run_in_memory
from aiida_dreamflow.values import searches


def seen(matches):
    return [(match.span(), match.pos, match.endpos, match.string, match.re) for match in matches]


@pytest.mark.parametrize(
    ('pattern', 'text'),
    [
        (r'\d+', 'ab1c22d333'), ('X|$|(?=b)', 'aXbX€'), (rb'\d', b'ab1c22'), ('(?m)^', 'a\nb\nc'), ('a*?', 'aaa'), ('x', ''),
        ('b?', 'ab\N{GRINNING FACE}b'), (b'', bytearray(b'ab')),
    ],
)  # fmt: skip
def test_goes_on_where_it_was(pattern, text):
    for done in range(7):
        matches = re.finditer(pattern, text)
        for _ in range(done):
            next(matches, None)
        assert seen(back(matches)) == seen(matches)


def test_part_of_a_text_shared_with_others():
    text = 'abcabcabc' * 20
    matches = re.compile('(?<=a)b|^').finditer(text, 2, 11)
    next(matches)
    again, same = back((matches, text))
    found = [*again]
    assert found[0].string is same
    assert [match.span() for match in found] == [(7, 8), (10, 11)]


def test_a_search_of_both_kinds():
    """What `pattern.scanner` gives may be asked to match as well."""
    search = re.compile('a').scanner('aab a')
    search.match()
    again = back(search)
    assert (again.match().span(), again.search().span(), again.search()) == ((1, 2), (4, 5), None)


def test_a_text_that_has_changed():
    text = bytearray(b'aXbX')
    matches = re.finditer(b'X', text)
    next(matches)
    text[:] = b'abcd'
    with pytest.raises(CannotStoreError, match='its text has changed; make a list of its items before the loop'):
        back(matches)


def test_another_interpreter(monkeypatch):
    monkeypatch.setattr(searches, '_layout', lambda: None)

    async def workflow():
        matches = re.finditer('a', 'aa')
        await checkpoint()
        return [*matches]

    with pytest.raises(CannotStoreError, match='variable `matches.*make a list of its items before the loop'):
        run_in_memory(workflow)
