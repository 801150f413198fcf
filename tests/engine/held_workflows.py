"""Workflows whose steps do not end by themselves."""

from __future__ import annotations

import time
from pathlib import Path

from aiida import orm
from aiida.engine import calcfunction

from aiida_dreamflow import checkpoint, submit, workflow


@workflow
async def polls(log: str):
    """Its step can be interrupted."""
    await checkpoint()
    with Path(log).open('a') as file:
        file.write('begins\n')
    try:
        while True:
            time.sleep(1000)
    finally:
        with Path(log).open('a') as file:
            file.write('ends\n')


@workflow
async def calls(log: str):
    """The step of its child does not end."""
    return await submit(polls, log=log)


@workflow
async def catches(log: str):
    """Its step cannot be interrupted."""
    await checkpoint()
    with Path(log).open('a') as file:
        file.write('begins\n')
    while True:
        try:
            time.sleep(1)
        except BaseException:
            pass


@workflow
async def hears_nothing(log: str):
    """Its worker cannot hear anything."""
    await checkpoint()
    with Path(log).open('a') as file:
        file.write('begins\n')
    sum(range(10**12))


@workflow
async def stores(log: str):
    """Its step stores nodes all the time."""
    await checkpoint()
    with Path(log).open('a') as file:
        file.write('begins\n')
    while True:
        orm.Int(1).store()


@calcfunction
def computes(log):
    with Path(log.value).open('a') as file:
        file.write('begins\n')
    while True:
        time.sleep(1)


@workflow
async def calls_a_function(log: str):
    """What holds the worker is no step, but a function of AiiDA's."""
    return await submit(computes, log=log)


@workflow
async def goes_on():
    """Another run of the same worker."""
    await checkpoint()
    return {'n': 1}
