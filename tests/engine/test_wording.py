"""The name of a step is a line in brief."""

from __future__ import annotations

import pytest

from aiida_dreamflow.engine.wording import shortened


@pytest.mark.parametrize(
    ('line', 'brief'),
    [
        ('x = egor.suggest(x_doe, y_doe)', 'x = egor.suggest(...)'),
        ('y = await submit(xsinx, x=x)        # a job', 'y = await submit(xsinx, ...)'),
        ('y_doe.append(y)', 'y_doe.append(y)'),
        ('for x in x_doe:                     # all', 'for x in x_doe'),
        ('if limits[0] < f(x, y) < limits[1]:', 'if limits[0] < f(...) < limits[1]'),
        ('results = await gather(', 'results = await gather(...)'),
        ("return {'x_opt': res.x_opt, 'y_opt': res.y_opt}", 'return {...}'),
        ('values = [1, 2, 3, 4, 5, 6, 7, 8, 9]', 'values = [...]'),
        ('except ValueError as error:', 'except ValueError as error'),
        ('x = ' + 'a' * 100, 'x = ' + 'a' * 53 + '...'),
    ],
)
def test_shortened(line, brief):
    assert shortened(line) == brief
