"""Workflows run from the source that is stored with them."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import textwrap

import pytest
from aiida import engine, orm
from engine import workflows
from engine.helpers import wait_until

from aiida_dreamflow import workflow
from aiida_dreamflow.engine import pinned
from aiida_dreamflow.exceptions import UntrustedValueError

SCRIPT = """
    import sys
    from aiida import engine, load_profile
    from aiida_dreamflow import submit, workflow

    OFFSET = 1

    def cube(x):
        return x**3

    async def helper(x):
        return OFFSET + await submit(cube, x=x)

    @workflow
    async def in_a_script(x: int):
        return await helper(x)

    load_profile()
    node = engine.submit(in_a_script, x=2)
    print(node.pk)
"""


def test_script_is_submitted(daemon, tmp_path):
    """The daemon has never seen the file, which is gone when it runs."""
    script = tmp_path / 'script.py'
    script.write_text(textwrap.dedent(SCRIPT))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    script.unlink()
    assert done.returncode == 0, done.stderr
    node = orm.load_node(int(done.stdout.split()[-1]))
    wait_until(lambda: node.is_terminated, 'it ends', node)
    assert node.outputs.result.value == 9
    assert node.process_label == 'in_a_script'


def test_process_class_of_a_node(run):
    _, node = run(workflows.exits)
    assert node.process_class is workflows.exits
    assert importlib.import_module(pinned.__name__)


def test_an_altered_source_is_not_loaded(run):
    """The source is signed: whoever can write to the database, or make an archive, has not thereby code run."""

    _, node = run(workflows.exits)
    content = node.base.attributes.get('dreamflow')
    assert pinned._is_own(node)
    for change in ({'qualname': 'other'}, {'module': 'antigravity'}, {'signature': 'é'}, {'signature': None}):
        node.base.attributes._backend_node.set_attribute('dreamflow', {**content, **change})
        assert not pinned._is_own(node)
    name = 'exits_' + 12 * '0'
    node.base.attributes._backend_node.set_attribute('dreamflow', {**content, 'class': name})
    with pytest.raises(AttributeError, match='not stored by this profile, or was altered'):
        getattr(pinned, name)
    with pytest.raises(UntrustedValueError, match=name):
        pinned.class_of(node)
    node.base.attributes._backend_node.set_attribute('dreamflow', content)


def test_edited_after_submission(daemon, tmp_path):
    """The daemon runs what was submitted, not what the file says by then."""
    path = tmp_path / 'edited.py'
    text = textwrap.dedent("""
        from aiida_dreamflow import checkpoint, workflow

        @workflow
        async def edited():
            await checkpoint()
            return 'before'
    """)
    path.write_text(text)
    spec = importlib.util.spec_from_file_location('edited', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path.write_text(text.replace('before', 'after'))
    node = engine.submit(module.edited)
    wait_until(lambda: node.is_terminated, 'it ends', node)
    assert node.outputs.result.value == 'before'


def test_function_in_a_function(run):
    @workflow
    async def local(x: int):
        return x + 1

    outputs, _ = run(local, x=1)
    assert outputs == {'result': 2}


def test_other_names_are_not_looked_up(monkeypatch):
    """`pickle` asks every module for every name; the database must not be asked each time."""

    def asked(name):
        raise AssertionError(f'asked for {name}')

    monkeypatch.setattr(pinned, '_stored_bundle', asked)
    for name in ('survivor', 'aenter', '__path__', 'f_123'):
        assert not hasattr(pinned, name)
