"""The optimisation of ``optimize.py`` as a plain ``def``: here ``submit(...)`` waits, and is the result.

``.result()`` may be written on the call, and changes nothing.
"""

import egobox as egx
import numpy as np
from aiida import engine

from aiida_dreamflow import submit, workflow


def xsinx(x):
    """The function to minimise: let us pretend that it needs a cluster."""
    return (x - 3.5) * np.sin((x - 3.5) / np.pi)


@workflow
def opt_workflow(n_iterations: int = 10):
    """Find the minimum of ``xsinx`` on [0, 25]."""
    xlimits = [[0.0, 25.0]]
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

    res = egor.best_result(x_doe, y_doe)
    print(f'Optimization f={res.y_opt} at {res.x_opt}')
    return {'x_opt': res.x_opt, 'y_opt': res.y_opt}


if __name__ == '__main__':
    node = engine.submit(opt_workflow)
    print(f'Submitted {node}; follow it with: verdi process status {node.pk}')
