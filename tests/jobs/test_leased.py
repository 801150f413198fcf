"""What `Leased` does in AiiDA's place is what AiiDA does."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap

import pytest
from aiida.engine import Process

from aiida_dreamflow.jobs import leased

#: The methods of AiiDA that `Leased` stands in for, and their source without its comments.
SOURCES = {'on_entered': '52c37d90b66328bf'}


@pytest.mark.parametrize('name', SOURCES)
def test_aiida_does_the_same(name):
    """If this fails, another AiiDA does something else there: bring `Leased` up to it, then change the sum."""
    method = getattr(Process, name)
    source = ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(method))))
    assert hashlib.sha256(source.encode()).hexdigest()[:16] == SOURCES[name]
    assert name in vars(leased.Leased)
