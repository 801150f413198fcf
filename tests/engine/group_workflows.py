"""Workflows with a `TaskGroup`, which needs Python 3.11."""

from engine.concurrent_workflows import echo, refuses

from aiida_dreamflow import TaskGroup, submit, workflow


@workflow
async def kills_siblings():
    async with TaskGroup() as group:
        group.create_task(submit(echo, x=1, naps=60.0))
        group.create_task(submit(refuses, x=2))
