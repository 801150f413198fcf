"""Every mistake of the table is made, and what is seen is compared."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from aiida import engine, orm
from aiida.cmdline.utils.common import get_workchain_report
from click.testing import CliRunner

from aiida_dreamflow.cli import dreamflow

from .__main__ import PAGE, page
from .table import CHAPTERS, HEADER

pytestmark = pytest.mark.usefixtures('profile')

_IN_WORKFLOWS = ('workflow', 'report')


def cases(*places):
    """The cases of some places, with the name of the workflow for each."""
    found = [
        (chapter.where, case, f'case_{number}_{index}')
        for number, chapter in enumerate(CHAPTERS)
        for index, case in enumerate(chapter.cases)
    ]
    chosen = [each for each in found if each[0] in places]
    return pytest.mark.parametrize(('where', 'case', 'name'), chosen, ids=[each[1].code[:50] for each in chosen])


def written():
    """The module of all cases that stand in workflow functions."""
    text = [HEADER]
    for chapter_number, chapter in enumerate(CHAPTERS):
        for index, case in enumerate(chapter.cases if chapter.where in _IN_WORKFLOWS else ()):
            name = f'case_{chapter_number}_{index}'
            text.append(f'\n\n@workflow\nasync def {name}():\n{textwrap.indent(case.code, "    ")}\n')
    return ''.join(text)


@pytest.fixture(scope='module')
def mistakes(tmp_path_factory):
    """The module."""
    path = tmp_path_factory.mktemp('messages') / 'mistakes_of_users.py'
    path.write_text(written(), encoding='utf-8')
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[path.stem]


@pytest.fixture(scope='module')
def pks(mistakes, profile):
    """The PKs that commands are given, by the words that stand for them in the table."""
    run = engine.run_get_node(mistakes.inner, x=0)[1]
    job = next(child for child in run.called if isinstance(child, orm.CalcJobNode))
    step = run.base.links.get_outgoing(link_label_filter='step%').all_nodes()[0]
    short = engine.run_get_node(mistakes.child, n=1)[1]
    return {'RUN': run.pk, 'JOB': job.pk, 'STEP': step.pk, 'DATA': orm.Int(1).store().pk, 'SHORT': short.pk}


def is_seen(message, seen):
    """Whether a text is what the table says: ``PK`` is a number, and ``...`` at the end whatever comes."""
    pattern = re.escape(message).replace('PK', r'(\d+|PK)')
    pattern = pattern.removesuffix(r'\.\.\.') + '.*' if message.endswith('`, ...') else pattern
    return re.fullmatch(pattern, seen) is not None


@cases('script')
def test_script(mistakes, where, case, name):
    with pytest.raises(Exception) as caught:  # noqa: PT011  (the table says which)
        eval(case.code, dict(vars(mistakes)))
    assert is_seen(case.message, f'{caught.typename}: {caught.value}')


@cases('workflow')
def test_workflow(mistakes, where, case, name):
    with pytest.raises(Exception) as caught:  # noqa: PT011  (the table says which)
        engine.run(getattr(mistakes, name))
    assert is_seen(case.message, f'{caught.typename}: {caught.value}'), str(caught.value)


@cases('status')
def test_status(mistakes, where, case, name):
    _, node = eval(case.code, dict(vars(mistakes)))
    assert is_seen(case.message, node.exit_message), node.exit_message


@cases('report')
def test_report(mistakes, where, case, name):
    with contextlib.redirect_stdout(io.StringIO()):
        _, node = engine.run_get_node(getattr(mistakes, name))
    lines = get_workchain_report(node, 'REPORT').splitlines()
    seen = [line.rpartition(f'|{name}]: ')[2] for line in lines]
    assert (
        any(is_seen(case.message, line) for line in seen)
        if case.message
        else seen == ['No log messages recorded for this entry']
    )


@cases('command')
def test_command(pks, where, case, name):
    words = [str(pks.get(word, word)) for word in case.code.split()[1:]]
    done = CliRunner().invoke(dreamflow, words)
    assert is_seen(case.message, done.output.strip().splitlines()[-1]), done.output
    assert 'Traceback' not in done.output


@cases('empty')
def test_without_a_profile(tmp_path, where, case, name):
    command = [sys.executable, '-m', 'aiida_dreamflow.cli', *case.code.split()[1:]]
    environment = {**os.environ, 'AIIDA_PATH': str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1] == case.message
    assert 'Traceback' not in done.stderr


@cases('interrupted')
def test_interrupted(tmp_path, where, case, name):
    script = tmp_path / 'script.py'
    script.write_text(f'from aiida import load_profile\nload_profile()\n{HEADER}\n\n{case.code}\n')
    running = subprocess.Popen([sys.executable, str(script)], stderr=subprocess.PIPE, text=True)
    try:
        builder = orm.QueryBuilder().append(
            orm.CalcJobNode,
            filters={'attributes.process_label': 'FunctionJob<nap>', 'attributes.scheduler_state': 'running'},
        )
        end = time.monotonic() + 100
        while not builder.count() and time.monotonic() < end:
            time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=100)
    finally:
        running.kill()
    count = case.message.count('\n') + 1
    assert is_seen(case.message, '\n'.join(told.strip().splitlines()[-count:])), told
    assert [line for line in told.splitlines() if line.startswith('  File')][-1].split('"')[1] == str(script)


def test_page():
    """It is written anew by ``python -m tests.messages``."""
    assert PAGE.read_text(encoding='utf-8') == ''.join(page())
