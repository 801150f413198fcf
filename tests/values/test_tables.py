"""Readers and writers of `csv` go on after a restart."""

from __future__ import annotations

import csv
import io

import pytest
from values.graphs import back

from aiida_dreamflow import checkpoint
from aiida_dreamflow.testing import run_in_memory


class Semicolons(csv.excel):
    delimiter = ';'
    lineterminator = '\n'
    quoting = csv.QUOTE_NONNUMERIC


@pytest.mark.parametrize('taken', range(4))
@pytest.mark.parametrize('source', [list, io.StringIO, iter])
def test_reader(taken, source):
    text = 'a;b\n"c\nd";1\n2;3\n'
    lines = io.StringIO(text) if source is io.StringIO else source(text.splitlines(keepends=True))
    reader = csv.reader(lines, Semicolons) if taken < 3 else csv.reader(lines, delimiter=';', strict=True)
    for _ in range(min(taken, 2)):
        next(reader, None) if taken == 3 else _next(reader)
    again, lines_again, dialect = back([reader, lines, reader.dialect])
    assert type(again) is type(reader)
    assert again.dialect is dialect
    assert again.line_num == reader.line_num
    twice = back(again)
    assert twice.line_num == reader.line_num
    assert _rest(twice) == _rest(reader)
    if source is not list:
        _rest(again)
        assert next(iter(lines_again), None) is None, 'it reads from the same lines'


def _next(reader):
    try:
        return next(reader)
    except ValueError as error:
        return str(error)


def _rest(reader):
    found = []
    while (row := _next_or_none(reader)) is not None:
        found.append((row, reader.line_num))
    return found


def _next_or_none(reader):
    try:
        return next(reader)
    except StopIteration:
        return None
    except ValueError as error:
        return str(error)


def test_writer():
    file = io.StringIO()
    writer = csv.writer(file, Semicolons)
    writer.writerow(['a', 1])
    again, file_again = back([writer, file])
    again.writerow(['b', 2.5])
    assert file_again.getvalue() == '"a";1\n"b";2.5\n'
    assert {name: getattr(again.dialect, name) for name in dir(again.dialect) if name[0] != '_'} == {
        name: getattr(writer.dialect, name) for name in dir(writer.dialect) if name[0] != '_'
    }


def test_in_a_workflow():
    async def workflow():
        file = io.StringIO()
        table = csv.DictWriter(file, ['x', 'y'])
        table.writeheader()
        for row in csv.DictReader(['x,y', '1,2', '3,4']):
            await checkpoint()
            table.writerow({'x': row['y'], 'y': row['x']})
        return file.getvalue()

    assert run_in_memory(workflow) == 'x,y\r\n2,1\r\n4,3\r\n'
