"""What the tests of the engine share."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def run(profile):
    """Runs a workflow in this process; returns its outputs as values, and its node."""
    from aiida import engine

    from aiida_dreamflow.jobs.names import python_name
    from aiida_dreamflow.values.nodes import from_node

    def run(process: Any, **inputs: Any) -> tuple[dict[str, Any], Any]:
        outputs, node = engine.run_get_node(process, **inputs)
        return {python_name(port): from_node(output) for port, output in outputs.items()}, node

    return run
