"""What `submit` takes: from a target and its arguments to the inputs of a process, and from its end to a value.

What differs between kinds of targets is in `kinds`.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.common.exceptions import NotExistent

from ..compiler import Passed, bundle
from ..exceptions import CannotStoreError, LaunchError, WorkflowUsageError
from ..jobs import wire
from ..jobs.calculation import bundle_to_nodes
from ..jobs.constants import store
from ..jobs.failures import mark_failure
from ..jobs.names import port_name
from ..runtime import Handle
from ..values.parts import digest_of
from ..values.snapshot import Codec
from .kinds import kind_of, port_names
from .lookup import outputs_of
from .outputs import Outputs
from .transaction import Scalar, detach

__all__ = ('Sources', 'given_by', 'prepare_child', 'tell_outcome')

_FUNCTION_JOBS = ('aiida.calculations:dreamflow.function', 'aiida.calculations:dreamflow.map')


# -- before


class Sources:
    """The nodes with the sources of function jobs: one for each function, whatever number of jobs runs it.

    :param uuids: the uuids of those that earlier steps stored, by key.
    """

    def __init__(self, uuids: dict[str, str]) -> None:
        self._uuids = uuids
        self._new: dict[str, orm.Data] = {}

    def nodes_of(self, target: Any) -> dict[str, orm.Data]:
        """Return the nodes with the source of a function, and what its modules hold now: stored by an earlier step or not yet.

        :raises LaunchError: if it has no source that could be sent.
        """
        try:
            nodes = bundle_to_nodes(bundle(target, modules=True, store=store))
        except WorkflowUsageError as error:
            raise LaunchError(str(error)) from None
        return {port: self._known(node) for port, node in nodes.items()}

    def _known(self, node: orm.Data) -> orm.Data:
        """Return a node that is like another one, and the first of its kind."""
        key = _key(node)
        with contextlib.suppress(KeyError, NotExistent):  # a step that made one may have failed
            return orm.load_node(uuid=self._uuids[key])  # type: ignore[return-value]
        detach(node)
        return self._new.setdefault(key, node)

    def known(self, stored: Iterable[orm.Node | Scalar]) -> dict[str, str]:
        """Return the uuids of all that later steps can use.

        :param stored: the nodes that the current step stores.
        """
        uuids = {node.uuid for node in stored}
        return {**self._uuids, **{key: node.uuid for key, node in self._new.items() if node.uuid in uuids}}


def _key(node: orm.Data) -> str:
    attributes = node.base.attributes.all
    key = f'{attributes.get("qualname", "")}:{node.base.repository.hash()}'
    rest = {name: attributes[name] for name in ('state', 'modules') if name in attributes}
    return f'{key}:{hashlib.sha256(wire.dumps(rest).encode()).hexdigest()[:16]}' if rest else key


def prepare_child(
    target: Any, args: tuple[Any, ...], inputs: dict[str, Any], sources: Sources, codecs: Sequence[Codec]
) -> dict[str, Any]:
    """Check and convert what `submit` is given, on the line where that is called.

    :param codecs: those of the frame.
    :returns: ``process``: what to launch; ``inputs``: its inputs as nodes; ``digests``: those of the values given, by
        port; ``names``: a function that gives the names of variables, by port, for the arguments that are variables.
    :raises TypeError: if the arguments don't fit.
    :raises LaunchError: if the target cannot be launched with them.
    """
    kind = kind_of(target)
    arguments = kind.by_name(target, args, inputs)

    def names(passed: Passed) -> dict[str, str]:
        return port_names(kind.by_name(target, passed.args, passed.kwargs))

    return {
        'process': kind.process_class(target),
        'inputs': kind.inputs(target, arguments, sources.nodes_of),
        'digests': _digests({port_name(name): value for name, value in arguments.items()}, codecs),
        'names': names,
    }


def _digests(values: Mapping[str, Any], codecs: Sequence[Codec]) -> dict[str, str]:
    """Return the digests of values as they are now, by the same names."""
    found = {}
    for name, value in values.items():
        with contextlib.suppress(CannotStoreError):
            found[name] = digest_of(value, codecs)
    return found


# -- after


def tell_outcome(handle: Handle[Any], node: orm.ProcessNode) -> dict[str, orm.Data]:
    """Tell a handle how its child ended.

    :returns: the nodes that the child has given, as :func:`given_by` does.
    """
    outputs = given_by(node)
    try:
        value = kind_of(handle.target).outcome(node, handle.target, outputs)
        handle.set_result(value.named(handle.label) if type(value) is Outputs else value)
    except Exception as error:
        handle.set_exception(mark_failure(error, f'{handle.label} ({node.pk})'))
    return outputs


def given_by(node: orm.ProcessNode) -> dict[str, orm.Data]:
    """Return the data nodes that a child has given, by flat label; of a function job results and exceptions only."""
    outputs = outputs_of(node)
    if isinstance(node, orm.CalcJobNode) and node.process_type in _FUNCTION_JOBS:
        return {label: data for label, data in outputs.items() if label not in ('remote_folder', 'retrieved')}
    return outputs
