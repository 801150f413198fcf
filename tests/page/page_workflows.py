"""Runs that are shown on a page."""

from __future__ import annotations

from aiida_dreamflow import run, workflow


def square(x):
    return x * x


def refuse(text):
    raise ValueError('no </script><i>')


@workflow
async def scan(n: int):
    """<b>Bold</b>"""
    seen = []
    for i in range(n):
        y = await run(square, x=i)
        seen.append(y)
    print('<b>printed</b>')
    try:
        await run(refuse, text='</script><b>')
    except ValueError:
        return seen


@workflow
async def fails():
    x = await run(square, x=2)
    return {}[x]
