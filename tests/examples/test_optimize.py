"""The examples give what the same calls give without this package."""

from __future__ import annotations

import numpy as np
import pytest

egx = pytest.importorskip('egobox', reason='the examples need egobox')


@pytest.fixture(scope='module')
def native():
    """The optimisation in plain Python."""
    from optimize import xsinx

    xlimits = [[0.0, 25.0]]
    egor = egx.Egor(xlimits, seed=42)
    x_doe = egx.lhs(xlimits, 3, seed=42)
    y_doe = np.array([xsinx(x) for x in x_doe])
    for _ in range(10):
        x = egor.suggest(x_doe, y_doe)
        x_doe, y_doe = np.concatenate((x_doe, x)), np.concatenate((y_doe, xsinx(x)))
    return egor.best_result(x_doe, y_doe)


@pytest.mark.parametrize('name', ['optimize', 'optimize_plain'])
@pytest.mark.parametrize('restart', [True, False], ids=['restarted', 'straight'])
def test_in_memory(name, restart, native):
    import importlib

    from aiida_dreamflow.testing import run_in_memory

    opt_workflow = importlib.import_module(name).opt_workflow
    result = run_in_memory(opt_workflow, restart=restart)
    assert result['x_opt'] == native.x_opt == pytest.approx(18.935, abs=1e-3)
    assert result['y_opt'] == native.y_opt == pytest.approx(-15.1251, abs=1e-4)
