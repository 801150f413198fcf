"""What the shell completes."""

from __future__ import annotations

from aiida import engine
from click.shell_completion import ShellComplete

from aiida_dreamflow import checkpoint, workflow
from aiida_dreamflow.cli import dreamflow


@workflow
async def completed():
    await checkpoint()


def completions(arguments, incomplete):
    found = ShellComplete(dreamflow, {}, 'dreamflow', '_DREAMFLOW_COMPLETE').get_completions(arguments, incomplete)
    return [item.value for item in found]


def test_commands():
    assert {'show', 'steps', 'stack', 'submit'} <= {*completions([], 's')}


def test_pks(profile):
    node = engine.run_get_node(completed)[1]
    assert str(node.pk) in completions(['show'], str(node.pk)[:1])
    assert completions(['watch'], 'x') == []


def test_functions_of_a_file(tmp_path):
    path = tmp_path / 'flows.py'
    path.write_text(
        'raise SystemExit\n\n@workflow\nasync def one(): ...\n\n@workflow\ndef other(): ...\n\ndef plain(): ...\n'
    )
    assert completions(['run'], f'{path}:') == [f'{path}:one', f'{path}:other']
    assert completions(['submit'], f'{path}:ot') == [f'{path}:other']
