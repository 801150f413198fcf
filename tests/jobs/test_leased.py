"""What `Leased` does in AiiDA's place is what AiiDA does."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sqlite3
import textwrap

import pytest
from aiida import engine, orm
from aiida.engine import Process
from aiida.manage import get_manager

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


def test_nobody_writes_between_reading_and_writing_a_state(profile, monkeypatch):
    """SQLite would refuse to write the state then, and the process would end with an error."""
    locked_out = []
    other = sqlite3.connect(get_manager().get_profile_storage().get_session().get_bind().url.database, timeout=0)

    class Busy(leased.Leased, Process):
        _node_class = orm.CalculationNode

        async def run(self):
            return None

    store = orm.CalculationNode.set_process_state

    def set_process_state(node, state):
        try:
            other.execute('BEGIN IMMEDIATE')
            other.rollback()
        except sqlite3.OperationalError as error:
            locked_out.append((state.value, str(error)))
        store(node, state)

    monkeypatch.setattr(orm.CalculationNode, 'set_process_state', set_process_state)
    _, node = engine.run_get_node(Busy)
    other.close()
    assert node.process_state.value == 'finished'
    assert locked_out == [(state, 'database is locked') for state in ('created', 'running', 'finished')]


def test_inputs_are_put_into_words_once(profile, monkeypatch):
    """In those of AiiDA, which finds them at each change of state."""
    encoded = []
    encode = Process.encode_input_args
    monkeypatch.setattr(
        Process, 'encode_input_args', lambda self, inputs: encoded.append(inputs) or encode(self, inputs)
    )

    class Counted(leased.Leased, Process):
        _node_class = orm.CalculationNode

        @classmethod
        def define(cls, spec):
            super().define(spec)
            spec.input('x')

        async def run(self):
            for inputs in self.raw_inputs, self.inputs, self.raw_inputs, self.inputs:
                assert self.encode_input_args(inputs) == encode(self, inputs)

    engine.run(Counted, x=orm.Int(1))
    assert len(encoded) == 2
