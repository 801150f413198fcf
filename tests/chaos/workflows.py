"""Workflows that are killed. A worker of the daemon cannot import this file: it runs them from their pinned source."""

from aiida_dreamflow import checkpoint, gather, submit, workflow


def counted(x, log, seconds=0.0):
    import os
    import time

    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f'{x}\n'.encode())
    os.close(file)
    time.sleep(seconds)
    return x * x


@workflow
async def part(x: int, log: str, seconds: float = 0.0):
    square = await submit(counted, x=x, log=log, seconds=seconds)
    await checkpoint()
    return square + 1


async def helper(x, log, seconds):
    return await submit(counted, x=x, log=log, seconds=seconds) + 1


@workflow
async def everything(log: str, n: int = 2, seconds: float = 0.0):
    """A loop, a gather of a job and a workflow, a try/finally, a function that is awaited, a growing list."""
    seen = []
    for i in range(n):
        seen.append(await submit(counted, x=i, log=log, seconds=seconds))
    try:
        seen += await gather(
            submit(counted, x=10, log=log, seconds=seconds), submit(part, x=20, log=log, seconds=seconds)
        )
        raise LookupError('on purpose')
    except LookupError as error:
        message = str(error)
    finally:
        last = await helper(30, log, seconds)
    return {'seen': seen, 'message': message, 'last': last}
