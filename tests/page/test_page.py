"""The page of a run: what is on it, that it is one file, and that nothing on it is taken for markup."""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser

import pytest
from aiida import engine
from click.testing import CliRunner
from page import page_workflows as workflows
from view.many import add_children, count_queries

from aiida_dreamflow import look
from aiida_dreamflow.page import page

pytestmark = pytest.mark.usefixtures('profile')


class Reader(HTMLParser):
    """Collects the cells of each table, the headings, and what a page would load."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tables, self.headings, self.loaded, self.tags, self._to = [], [], [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.loaded += [
            value for name, value in attributes if name in ('src', 'href') and not value.startswith('data:')
        ]
        if tag == 'table':
            self.tables.append([])
        elif tag == 'tr':
            self.tables[-1].append([])
        elif tag in ('td', 'th'):
            self.tables[-1][-1].append('')
        self._to = tag if tag in ('td', 'th', 'h2') else self._to
        if tag == 'h2':
            self.headings.append('')

    def handle_endtag(self, tag):
        self._to = None if tag == self._to else self._to

    def handle_data(self, data):
        if self._to == 'h2':
            self.headings[-1] += data.strip()
        elif self._to:
            self.tables[-1][-1][-1] += data.strip()

    def table(self, *heads):
        return next(table[1:] for table in self.tables if table[0][: len(heads)] == list(heads))


@pytest.fixture(scope='module')
def scan(profile):
    return engine.run_get_node(workflows.scan, n=3)[1]


@pytest.fixture(scope='module')
def read(scan):
    return Reader(page(look(scan)))


def test_all_of_a_run(read, scan):
    for heading in ('Inputs', 'Outputs', 'Source', 'Timeline', 'Children', 'Numbers over the children', 'Report'):
        assert heading in read.headings
    children = read.table('PK', 'child', 'line', 'arguments')
    assert [row[3:6] for row in children] == [
        ['x=0', '0', 'done'],
        ['x=1', '1', 'done'],
        ['x=2', '4', 'done'],
        ["text='</script><b>'", children[3][4], 'failed'],
    ]
    assert 'no </script><i>' in children[3][4]
    source = {row[4]: row[1] for row in read.table('line', 'waited', 'seconds')}
    assert source['y = await run(square, x=i)'] == '3×'
    assert [row[:2] for row in read.table('name', 'value', 'node') if row[0] == 'n'] == [['n', '3']]


def test_it_loads_nothing_and_text_stays_text(read):
    assert read.loaded == []
    assert not {'b', 'i'} & set(read.tags)


def test_a_failure(profile):
    from aiida import orm

    with pytest.raises(KeyError):
        engine.run(workflows.fails)
    node = orm.QueryBuilder().append(orm.WorkChainNode).order_by({orm.WorkChainNode: {'id': 'desc'}}).first()[0]
    text = page(look(node))
    assert any(heading.startswith('Why it failed') for heading in Reader(text).headings)
    assert 'KeyError' in text
    assert re.search(r'<tr class="here" aria-current="true">', text)


@pytest.fixture(scope='module')
def crowded(profile):
    """A run with fifty more children, and one without."""
    few, many = (engine.run_get_node(workflows.scan, n=1)[1] for _ in range(2))
    add_children(many, 50)
    return few, many


def test_many_children(crowded, monkeypatch):
    """The first and the last are on the page, which asks the database as often as for few."""
    monkeypatch.setattr(sys.modules[page.__module__], '_CHILDREN', 40)
    asked, texts = [], []
    for node in crowded:
        with count_queries() as queries:
            texts.append(page(look(node)))
        asked.append(len(queries))
    assert asked[1] <= asked[0] + 2
    assert len(Reader(texts[1]).table('PK', 'child', 'line')) == 40
    assert '12 in the middle are left out here' in texts[1]


def test_command(scan, tmp_path):
    from aiida_dreamflow.cli.main import dreamflow

    done = CliRunner().invoke(dreamflow, ['html', str(scan.pk), '-o', str(tmp_path / 'run.html')])
    assert done.exit_code == 0, done.output
    assert f'scan {scan.pk}: done' in (tmp_path / 'run.html').read_text()
