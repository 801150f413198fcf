"""Whatever a remote machine sends: a result or an exit code, nothing executed, nothing written outside."""

from __future__ import annotations

import io
import json
import pickle
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from aiida import orm
from aiida.engine import ExitCode
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from aiida_dreamflow.jobs import wire
from aiida_dreamflow.jobs.mapping import MapParser
from aiida_dreamflow.jobs.parser import FunctionParser

_events: list[tuple[str, str]] | None = None
_FORBIDDEN = (
    'pickle.find_class',
    'os.system',
    'os.exec',
    'os.posix_spawn',
    'subprocess.Popen',
    'exec',
    'socket.connect',
)


def _notice(event, arguments):
    if _events is None:
        return
    if event in _FORBIDDEN:
        _events.append((event, repr(arguments)[:200]))
    elif event == 'open' and isinstance(arguments[1], str) and set(arguments[1]) & set('wax+'):
        path = str(arguments[0])
        if (
            not path.startswith((tempfile.gettempdir(), str(Path.home() / '.hypothesis')))
            and 'dreamflow-tests' not in path
        ):
            _events.append((event, path))


sys.addaudithook(_notice)


@contextmanager
def nothing_happens():
    """Fail if something is executed, unpickled or written elsewhere meanwhile."""
    global _events
    _events = events = []
    try:
        yield
    finally:
        _events = None
    assert events == []


@pytest.fixture(scope='module')
def parse(profile):
    """Parses files as if a job had written them; returns the exit code and the outputs."""

    def parse(parser_class, files):
        process = 'dreamflow.map' if parser_class is MapParser else 'dreamflow.function'
        node = orm.CalcJobNode(computer=orm.load_computer('localhost'), process_type=f'aiida.calculations:{process}')
        folder = orm.FolderData()
        for name, content in files.items():
            folder.base.repository.put_object_from_bytes(content, name)

        class Parser(parser_class):
            retrieved = folder

            def count(self):
                return 2

        parser = Parser(node)
        with nothing_happens():
            code = parser.parse()
        assert code is None or (isinstance(code, ExitCode) and code.status > 0)
        return code, dict(parser.outputs)

    return parse


def npy(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


class Evil:
    def __reduce__(self):
        return exec, ('raise SystemExit("executed")',)


HOSTILE = [
    npy(np.array([Evil()], dtype=object), allow_pickle=True),
    pickle.dumps(Evil()),
    npy(np.zeros(3))[:-1],
    npy(np.zeros(3)).replace(b'(3,)', b'(9,)'),
    npy(np.zeros(3)).replace(b"'<f8'", b"'|O8'"),
    b'',
]
ARRAYS = st.sampled_from([npy(np.arange(3.0)), *HOSTILE])
NAMES = st.sampled_from(
    ['result-0.npy', 'result-1-0.npy', '../result-0.npy', '/etc/passwd', 'result.json', 'stdout', 'x\0y', '']
)
TAGS = st.sampled_from(
    [*wire._ITEM_DECODERS, *wire._DECODERS, 'array', 'datetime', 'time', 'pickle', 'file', 'folder', 'x']
)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | NAMES
FIELDS = (
    'items',
    'value',
    'data',
    'file',
    'iso',
    'fold',
    'tz',
    'hex',
    'real',
    'imag',
    'key',
    'offset',
    'name',
    'dtype',
)


def containers(inner):
    tagged = st.dictionaries(st.sampled_from(FIELDS), inner, max_size=4)
    return (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4), inner, max_size=3)
        | st.builds(lambda tag, fields: {'!': tag, **fields}, TAGS | inner, tagged)
    )


VALUES = st.recursive(PLAIN, containers, max_leaves=8)
STATUSES = st.sampled_from(
    ['returned', 'raised', 'module', 'disk', 'large', 'unsendable', 'python', 'died', 'mapped', 'x']
)
EXCEPTIONS = VALUES | st.fixed_dictionaries(
    {
        'phase': st.sampled_from(['call', 'load', 'x']),
        **{name: VALUES for name in ('type', 'module', 'message', 'traceback', 'notes', 'args', 'attributes')},
    }
)
REPORT_FIELDS = {name: VALUES for name in ('value', 'type', 'path', 'reason', 'size', 'limit', 'missing', 'exit')}
ITEMS = st.fixed_dictionaries({'status': STATUSES | VALUES}, optional={**REPORT_FIELDS, 'exception': EXCEPTIONS})
REPORTS = VALUES | st.fixed_dictionaries(
    {'status': STATUSES | VALUES, 'python': VALUES},
    optional={
        **REPORT_FIELDS,
        'exception': EXCEPTIONS,
        'items': VALUES | st.lists(ITEMS | VALUES, min_size=2, max_size=2),
    },
)
FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize('parser_class', [FunctionParser, MapParser])
@FEW
@given(report=REPORTS, arrays=st.dictionaries(st.sampled_from(['result-0.npy', 'result-1-0.npy']), ARRAYS))
@example(report={'status': 'returned', 'python': '', 'value': {'!': 'array', 'file': 'result-0.npy'}}, arrays={})
def test_any_report(parse, parser_class, report, arrays):
    parse(parser_class, {'result.json': json.dumps(report).encode(), **arrays})


@pytest.mark.parametrize('parser_class', [FunctionParser, MapParser])
@FEW
@given(content=st.binary(max_size=200), stderr=st.binary(max_size=200))
def test_any_bytes(parse, parser_class, content, stderr):
    code, outputs = parse(parser_class, {'result.json': content, 'stderr': stderr})
    assert code is not None
    assert outputs == {}


@pytest.mark.parametrize('array', HOSTILE)
def test_hostile_arrays(parse, array):
    report = {'status': 'returned', 'python': '3', 'value': {'!': 'array', 'file': 'result-0.npy'}}
    code, outputs = parse(FunctionParser, {'result.json': json.dumps(report).encode(), 'result-0.npy': array})
    assert (code.status, outputs) == (360, {})


@pytest.mark.parametrize(
    'name', ['..', '/etc', 'result-files/..', 'stdout', '', None, ['result-files'], 'result-files']
)
@pytest.mark.parametrize('tag', ['file', 'folder'])
def test_files_from_elsewhere(parse, tag, name):
    report = {'status': 'returned', 'python': '3', 'value': {'!': tag, 'name': name}}
    files = {'stdout': b'x', 'result-files/a': b'', 'result-files/b': b''}
    code, outputs = parse(FunctionParser, {'result.json': json.dumps(report).encode(), **files})
    if (tag, name) == ('folder', 'result-files'):
        assert outputs['result'].base.repository.list_object_names() == ['a', 'b']
    else:
        assert (code.status, outputs) == (360, {})


def test_one_bad_item_makes_all_malformed(parse):
    """No part of what nobody has written is stored."""
    report = {'status': 'mapped', 'python': '3', 'items': [{'status': 'returned', 'value': 1}, {'status': 'x'}]}
    code, outputs = parse(MapParser, {'result.json': json.dumps(report).encode()})
    assert (code.status, outputs) == (360, {})


def test_more_items_than_were_sent(parse):
    report = {'status': 'mapped', 'python': '3', 'items': [{'status': 'returned', 'value': 1}] * 3}
    code, _ = parse(MapParser, {'result.json': json.dumps(report).encode()})
    assert code.status == 360


def test_a_document_that_is_too_large(parse, monkeypatch):
    monkeypatch.setattr('aiida_dreamflow.jobs.parser.MAX_DOCUMENT', 1000)
    code, _ = parse(FunctionParser, {'result.json': b'[' + b'1,' * 1000 + b'1]'})
    assert code.status == 360
    assert 'too large' in code.message
