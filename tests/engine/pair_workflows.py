"""A workflow with everything that must survive, for the tests on real servers. The daemon cannot import this file."""

import pathlib
import time

from aiida_dreamflow import gather, submit, workflow


def logged_square(x, log, seconds=0.0):
    import pathlib
    import time

    with pathlib.Path(log).open('a') as file:
        file.write(f'{x}\n')
    time.sleep(seconds)
    return x * x


@workflow
async def inner(x: int, log: str, seconds: float = 0.0):
    first = await submit(logged_square, x=x, log=log, seconds=seconds)
    return {'total': first + await submit(logged_square, x=x + 1, log=log)}


@workflow
async def everything(log: str, n: int = 1, seconds: float = 0.0, step_seconds: float = 0.0):
    """A loop over jobs, a gather, a try/finally and a workflow in the workflow."""
    seen = []
    for i in range(n):
        seen.append(await submit(logged_square, x=i, log=log, seconds=seconds))
    if step_seconds:
        with pathlib.Path(log + '.steps').open('a') as file:
            file.write('step\n')
        time.sleep(step_seconds)
    try:
        seen += await gather(*[submit(logged_square, x=10 + i, log=log) for i in range(2)])
    finally:
        nested = await submit(inner, x=20, log=log, seconds=0.0)
    return {'seen': seen, 'nested': nested['total']}
