"""Workflows that submit the jobs of other plugins: aiida-shell, aiida-pythonjob."""

from __future__ import annotations

from aiida import orm
from aiida_pythonjob import PythonJob, prepare_pythonjob_inputs
from aiida_shell import ShellJob
from aiida_shell.launch import prepare_shell_job_inputs

from aiida_dreamflow import submit, workflow
from aiida_dreamflow.exceptions import ChildFailedError


def add(x, y):
    return x + y


def fails(x):
    raise ValueError(f'no {x}')


@workflow
async def shell(text: str):
    first = orm.SinglefileData.from_string(text)
    inputs = prepare_shell_job_inputs('cat', arguments='{first} {second}', nodes={'first': first, 'second': first})
    outputs = await submit(ShellJob, **inputs)
    again = prepare_shell_job_inputs('wc', arguments='-c {file}', nodes={'file': outputs['stdout']})
    counted = await submit('core.shell', **again)
    return {'text': outputs['stdout'], 'count': int(counted['stdout'].get_content().split()[0])}


@workflow
async def shell_fails():
    try:
        await submit(ShellJob, **prepare_shell_job_inputs('false'))
    except ChildFailedError as error:
        return {'status': error.exit_status, 'label': error.node.process_label}


@workflow
async def pythonjob(x: int):
    outputs = await submit(PythonJob, **prepare_pythonjob_inputs(add, {'x': x, 'y': 2}, register_pickle_by_value=True))
    total = outputs['result']
    outputs = await submit(
        'pythonjob.pythonjob', **prepare_pythonjob_inputs(add, {'x': total, 'y': 1}, register_pickle_by_value=True)
    )
    return {'total': outputs['result'].value}


@workflow
async def pythonjob_fails(x: int):
    try:
        await submit(PythonJob, **prepare_pythonjob_inputs(fails, {'x': x}, register_pickle_by_value=True))
    except ChildFailedError as error:
        return {'status': error.exit_status, 'message': error.exit_message}
