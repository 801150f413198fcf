"""The command `dreamflow fork`."""

from __future__ import annotations

import subprocess
import sys

import pytest
from aiida import engine, orm
from click.testing import CliRunner
from engine import fork_workflows
from engine.helpers import evaluations, wait_until

from aiida_dreamflow import checkpoint, workflow
from aiida_dreamflow.cli import dreamflow


def invoke(*arguments):
    return CliRunner().invoke(dreamflow, ['fork', *map(str, arguments)])


def test_asks_first_if_there_seems_to_be_no_reason(profile, monkeypatch):
    node = engine.run_get_node(rests)[1]
    submitted = []
    monkeypatch.setattr(engine, 'submit', lambda builder: submitted.append(builder) or node)
    asked = CliRunner().invoke(dreamflow, ['fork', str(node.pk)], input='n\n')
    assert (asked.exit_code, submitted) == (1, [])
    assert 'has ended well; do its last step again' in asked.output
    for options in (['--yes'], ['--step', '1'], ['--set', 'kept=[1, 2]']):
        done = CliRunner().invoke(dreamflow, ['fork', str(node.pk), *options])
        assert done.exit_code == 0, done.output
    assert len(submitted) == 3
    frame = {label: data.get_list() for label, data in submitted[-1]['forked_frame'].items() if label == 'set_kept'}
    assert frame == {'set_kept': [1, 2]}
    for wrong, words in (
        ('kept', 'is not NAME=VALUE'),
        ('kept=[1', 'is no Python value'),
        ('other=1', 'is no variable that'),
    ):
        refused = CliRunner().invoke(dreamflow, ['fork', str(node.pk), '--set', wrong])
        assert refused.exit_code, refused.output
        assert words in ' '.join(refused.output.split())


@workflow
async def rests():
    kept = [0]
    await checkpoint()
    return kept


@pytest.mark.slow
def test_list_and_launch(daemon, tmp_path):
    """From the file as a scientist edits it, in a process of its own."""
    log = tmp_path / 'log'
    path = tmp_path / 'flow.py'
    text = open(fork_workflows.__file__).read()
    path.write_text(
        text + f'\n\nif __name__ == "__main__":\n    from aiida import engine, load_profile\n\n    load_profile()\n'
        f'    print(engine.submit(mistyped, n=2, log={str(log)!r}).pk)\n'
    )
    done = subprocess.run([sys.executable, str(path)], capture_output=True, text=True, check=True)
    node = orm.load_node(int(done.stdout.split()[-1]))
    wait_until(lambda: node.is_terminated, 'it fails', node)
    assert node.is_excepted

    listed = CliRunner().invoke(dreamflow, ['steps', str(node.pk)])
    assert listed.exit_code == 0, listed.output
    first, second = listed.output.splitlines()
    assert first.split()[0] == '1'
    assert (second.split()[0], second.rpartition(': ')[2][0]) == ('2', 'L')

    refused = invoke(node.pk, '--step', 9)
    assert refused.exit_code == 1
    assert 'step 9 is not recorded' in refused.output

    path.write_text(path.read_text().replace('resluts', 'results'))
    launched = invoke(node.pk, '--edited')
    assert launched.exit_code == 0, launched.output
    new = orm.load_node(int(launched.output.split(',')[0].split()[-1]))
    wait_until(lambda: new.is_terminated, 'the new run ends', new)
    assert new.is_finished_ok, new.exception
    assert new.outputs.total.value == 2
    assert log.read_text().split() == ['0', '1']
    assert evaluations(new) == []
