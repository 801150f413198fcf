"""The example of `run`: what the same calls give without this package."""

from __future__ import annotations

from heavy import mean_distance, walks

from aiida_dreamflow.testing import run_in_memory


def expected(n, walkers, steps):
    return [mean_distance(seed, walkers, steps) for seed in range(n)]


def test_in_memory():
    result = run_in_memory(walks, n=3, walkers=20, steps=10)
    assert result['distances'] == expected(3, 20, 10)


def test_run(profile):
    from aiida import engine, orm

    outputs, node = engine.run_get_node(walks, n=orm.Int(2), walkers=orm.Int(20), steps=orm.Int(10))
    assert outputs['distances'].get_list() == expected(2, 20, 10)
    assert [child.process_label for child in node.called] == ['mean_distance'] * 2
