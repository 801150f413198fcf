"""The optimisation with the calls of egobox up to 0.30: `to_specs`, whose result cannot be pickled, and `get_result`."""

import json
from importlib import metadata

import egobox as egx
import numpy as np

from aiida_dreamflow import submit, workflow
from aiida_dreamflow.testing import run_in_memory


def xsinx(x):
    return (x - 3.5) * np.sin((x - 3.5) / np.pi)


@workflow
async def opt_workflow(n_iterations: int = 10):
    xlimits = egx.to_specs([[0.0, 25.0]])
    egor = egx.Egor(xlimits, seed=42)

    x_doe = egx.lhs(xlimits, 3, seed=42)
    y_doe = []
    for x in x_doe:
        y = await submit(xsinx, x=x)
        y_doe.append(y)

    y_doe = np.array(y_doe)
    for _ in range(n_iterations):
        x = egor.suggest(x_doe, y_doe)
        x_doe = np.concatenate((x_doe, x))
        y = await submit(xsinx, x=x)
        y_doe = np.concatenate((y_doe, y))

    res = egor.get_result(x_doe, y_doe)
    print(f'Optimization f={res.y_opt} at {res.x_opt}')
    return {'x_opt': res.x_opt, 'y_opt': res.y_opt}


@workflow
def opt_workflow_plain(n_iterations: int = 10):
    xlimits = egx.to_specs([[0.0, 25.0]])
    egor = egx.Egor(xlimits, seed=42)

    x_doe = egx.lhs(xlimits, 3, seed=42)
    y_doe = []
    for x in x_doe:
        y = submit(xsinx, x=x).result()
        y_doe.append(y)

    y_doe = np.array(y_doe)
    for _ in range(n_iterations):
        x = egor.suggest(x_doe, y_doe)
        x_doe = np.concatenate((x_doe, x))
        y = submit(xsinx, x=x)
        y_doe = np.concatenate((y_doe, y))

    res = egor.get_result(x_doe, y_doe)
    print(f'Optimization f={res.y_opt} at {res.x_opt}')
    return {'x_opt': res.x_opt, 'y_opt': res.y_opt}


def native(n_iterations: int = 10):
    """The same without this package."""
    xlimits = egx.to_specs([[0.0, 25.0]])
    egor = egx.Egor(xlimits, seed=42)
    x_doe = egx.lhs(xlimits, 3, seed=42)
    y_doe = np.array([xsinx(x) for x in x_doe])
    for _ in range(n_iterations):
        x = egor.suggest(x_doe, y_doe)
        x_doe, y_doe = np.concatenate((x_doe, x)), np.concatenate((y_doe, xsinx(x)))
    res = egor.get_result(x_doe, y_doe)
    return {'x_opt': res.x_opt, 'y_opt': res.y_opt}


def as_lists(result):
    return {key: value.tolist() for key, value in result.items()}


if __name__ == '__main__':
    results = {
        'version': metadata.version('egobox'),
        'native': as_lists(native()),
        'async': as_lists(run_in_memory(opt_workflow)),
        'plain': as_lists(run_in_memory(opt_workflow_plain)),
    }
    print(json.dumps(results))
