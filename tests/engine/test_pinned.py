"""Workflows run from the source that is stored with them."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
import textwrap

import pytest
from aiida import engine, orm
from aiida.manage import get_manager
from engine import workflows
from engine.helpers import wait_until
from plumpy.persistence import LoadSaveContext

from aiida_dreamflow import workflow
from aiida_dreamflow.engine import pinned
from aiida_dreamflow.exceptions import UntrustedValueError, WorkflowUsageError

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


NEEDS_A_MODULE = """
    import dreamflow_gone
    from aiida_dreamflow import workflow

    @workflow
    async def needing(x: int):
        return x + dreamflow_gone.ONE
"""


def test_a_module_that_is_gone_pauses_the_run(profile, tmp_path, monkeypatch):
    """It goes on where it was once the module is there again; until then it can be killed, but not launched or forked."""
    installed = tmp_path / 'site-packages'  # what is not installed is stored with the run
    installed.mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(installed))
    gone = installed / 'dreamflow_gone.py'
    gone.write_text('ONE = 1')
    (tmp_path / 'dreamflow_needing.py').write_text(textwrap.dedent(NEEDS_A_MODULE))
    process_class = importlib.import_module('dreamflow_needing').needing
    runner = get_manager().create_runner(communicator=None)
    node = runner.instantiate_process(process_class, x=2).node

    def forget():
        importlib.invalidate_caches()
        pinned._classes.pop(process_class.__name__)
        for name in [name for name in sys.modules if name.startswith(('dreamflow_', f'{pinned.__name__}_'))]:
            monkeypatch.delitem(sys.modules, name)

    def go_on(until):
        """Do what a worker does that takes the process on."""
        process = get_manager().get_persister().load_checkpoint(node.pk).unbundle(LoadSaveContext(runner=runner))
        if process.paused:
            process.play()
        task = runner.loop.create_task(process.step_until_terminated())

        async def wait():
            while not until():
                await asyncio.sleep(0.01)

        runner.loop.run_until_complete(asyncio.wait_for(wait(), 20))
        task.cancel()
        process.close()
        process._lease.drop()

    text = gone.read_text()
    gone.unlink()
    forget()
    go_on(lambda: node.paused)
    assert "No module named 'dreamflow_gone'" in node.process_status
    assert f'verdi process play {node.pk}' in node.process_status
    assert not node.is_terminated
    with pytest.raises(WorkflowUsageError, match='dreamflow_gone'):
        pinned.class_of(node)
    with pytest.raises(WorkflowUsageError, match='dreamflow_gone'):
        engine.run(node.process_class, x=2)

    gone.write_text(text)
    importlib.invalidate_caches()
    go_on(lambda: node.is_sealed)
    assert node.is_finished_ok, node.exception
    assert node.outputs.result.value == 3


def test_one_source_with_two_states(tmp_path):
    """Two launches of one workflow, whose module has changed in between: each has its own values."""
    path = tmp_path / 'dreamflow_states.py'
    path.write_text(
        'from aiida_dreamflow import checkpoint, workflow\nX = len([1, 2])\n'
        '@workflow\nasync def stateful():\n    await checkpoint()\n    return X\n'
    )
    spec = importlib.util.spec_from_file_location('dreamflow_states', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    first = pinned.launched(module.stateful)
    module.X = 5
    second = pinned.launched(module.stateful)
    assert first.fingerprint == second.fingerprint == module.stateful.bundle.fingerprint
    assert first.key != second.key
    classes = [pinned._from_source(bundle) for bundle in (first, second)]
    assert [each.function.__globals__['X'] for each in classes] == [2, 5]
    assert {each.__name__ for each in classes} == {module.stateful.__name__}
    assert [each.bundle.key for each in classes] == [first.key, second.key]
