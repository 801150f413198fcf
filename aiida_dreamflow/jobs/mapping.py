"""The job that calls one function for many items, on all cores of its computer: what `submit.map` launches for a chunk.

Each result is a node of its own, ``results__item_7``, and so is each failure, ``exceptions__item_7``: they are stored at once,
as a thousand nodes one by one would take longer than the job.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.links import LinkType

from ..exceptions import CannotStoreError
from ..values.nodes import from_node, scalar_node
from . import remote, spread, wire
from .arguments import check_arguments
from .calculation import FunctionJob, value_there
from .failures import item_failure
from .launch import failure_of, place_inputs
from .names import port_name, python_name
from .parser import MAX_DOCUMENT, FunctionParser
from .placing import text_of
from .reports import ITEMS_FAILED, item_details
from .rows import Scalar, detach, store_outputs
from .sending import argument_node, parameters_by_name, value_of

if TYPE_CHECKING:
    from aiida.common.datastructures import CalcInfo
    from aiida.common.folders import Folder
    from aiida.engine import CalcJobProcessSpec, ExitCode

__all__ = ('MapJob', 'MapParser', 'map_job_inputs', 'map_outcome')

_RESULT, _EXCEPTION = 'results', 'exceptions'
#: What calls the function for many items there.
_SPREAD = text_of(spread)


def map_job_inputs(
    target: Callable[..., Any], columns: Mapping[str, Sequence[Any]], source: Mapping[str, orm.Data]
) -> tuple[type[MapJob], dict[str, Any]]:
    """Make the inputs of a job that calls a function for many items.

    :param target: the function, or what `job` made of it.
    :param columns: for each parameter its values, one for each item. Where one of these is a node, each becomes an input of
        its own.
    :param source: the nodes of the function's source.
    :returns: the process class and its inputs.
    :raises TypeError: if the arguments do not fit the signature, in Python's words.
    :raises LaunchError: if an argument cannot be sent, or if code or computer cannot be used.
    """
    check_arguments(target, {name: values[0] for name, values in columns.items()})
    whole: dict[str, Any] = {}
    apart: dict[str, Any] = {}
    known = parameters_by_name(target)
    for name, values in columns.items():
        if any(isinstance(value, orm.Data) for value in values):
            for index, value in enumerate(values):
                apart[f'{port_name(name)}_{index}'] = argument_node(
                    target, f'{name}` of item `{index}', value, source['function'], known.get(name)
                )
        else:
            whole[port_name(name)] = argument_node(target, name, values, source['function'], known.get(name))
    inputs = {**place_inputs(target), **source, 'arguments': whole}
    return MapJob, {**inputs, 'items': apart} if apart else inputs


class MapJob(FunctionJob):
    """Calls one Python function for many items on a computer that has Python 3.8 or later, and nothing else."""

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define inputs, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.inputs['metadata']['options']['parser_name'].default = 'dreamflow.map'  # type: ignore[index]
        spec.input_namespace(
            'items',
            valid_type=orm.Data,
            dynamic=True,
            required=False,
            help='The arguments that are nodes, by name of the parameter and number of the item.',
        )
        del spec.outputs['result'], spec.outputs['exception']
        spec.output_namespace(_RESULT, dynamic=True, valid_type=orm.Data, help='What the function returned, by item.')
        spec.output_namespace(_EXCEPTION, dynamic=True, valid_type=orm.Dict, help='Why there is no result, by item.')
        status, label, message = ITEMS_FAILED
        spec.exit_code(status, label, message=message, invalidates_cache=True)

    def arguments_there(self, path: Path) -> dict[str, Any]:
        """Return the values of each parameter, in the order of the items."""
        columns = super().arguments_there(path)
        parameters: dict[str, dict[int, Any]] = {}
        for label, node in self.inputs.get('items', {}).items():
            name, _, index = label.rpartition('_')
            parameters.setdefault(python_name(name), {})[int(index)] = value_there(node, path)
        columns.update({name: [values[index] for index in sorted(values)] for name, values in parameters.items()})
        return columns

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write what the remote needs.

        :param folder: the folder that is uploaded.
        :returns: what to run and what to retrieve.
        """
        calculation = super().prepare_for_submission(folder)
        calculation.retrieve_list = [*(calculation.retrieve_list or ()), remote.ITEMS_FILE]
        return calculation

    def complete(self, document: dict[str, Any], path: Path) -> None:
        """Add the number of items, and what calls the function for them."""
        document['count'] = _count(self.inputs)
        (path / remote.SPREAD_FILE).write_bytes(_SPREAD)

    def out(self, output_port: str, value: Any = None) -> None:
        """Give an output; those of items are kept until all are there."""
        if output_port.partition('.')[0] in (_RESULT, _EXCEPTION) and not getattr(value, 'is_stored', False):
            self.__dict__.setdefault('_made', {})[output_port.replace('.', '__')] = value
        else:
            super().out(output_port, value)

    def update_outputs(self) -> None:
        """Store new outputs; those of items in one go."""
        super().update_outputs()
        store_outputs(self.node, self.__dict__.pop('_made', {}))


class MapParser(FunctionParser):
    """Turns what a job wrote about many items into a node for each."""

    def result_of(self, report: Any) -> ExitCode | None:
        """Act on what the job says when the function was called."""
        if report['status'] != 'mapped':
            return super().result_of(report)
        items = report['items']
        if type(items) is not list or len(items) != self.count():
            raise wire.MalformedError('it is not about as many items as were sent')
        # All of it is looked at before any of it is used.
        found = [self._item(index, item) for index, item in enumerate(items)]
        for label, node in found:
            self.out(label, node)  # type: ignore[arg-type]  # AiiDA hands it to the job, which stores it
        failed = sum(label.startswith(_EXCEPTION) for label, _ in found)
        return self.exit('ERROR_ITEMS_FAILED', failed=failed, count=len(found)) if failed else None

    def without_result(self) -> ExitCode | None:
        """Find out why the job ended before all items were done, and keep those that were."""
        for label, node in self._done():
            self.out(label, node)  # type: ignore[arg-type]  # as above
        return super().without_result()

    def _done(self) -> list[tuple[str, orm.Data | Scalar]]:
        """Return label and node of each item that was done when the job died."""
        text, count = self.read(remote.ITEMS_FILE, MAX_DOCUMENT) or '', self.count()
        found: dict[str, orm.Data | Scalar] = {}
        for line in text.split('\n')[:-1]:  # after the last end of a line there may be half of one
            try:
                index, report = wire.loads(line)
                if type(index) is not int or not 0 <= index < count:
                    raise wire.MalformedError('no such item')
                label, node = self._item(index, report)
            except (wire.MalformedError, LookupError, OSError, TypeError, ValueError):
                break  # the disk was full, or no function job wrote this
            found[label] = node
        return list(found.items())

    def count(self) -> int:
        """Return how many items the job was given."""
        return count_items(self.node)

    def _result(self, data: Any) -> orm.Data | Scalar:
        if type(data) in (bool, int, float, str) and (scalar := scalar_node(data)) is not None:
            return Scalar(*scalar)  # nothing to decode, nor to make
        return detach(self.node_of(data))

    def _item(self, index: int, report: Any) -> tuple[str, orm.Data | Scalar]:
        """Return label and node for what is said of one item."""
        label, status = f'item_{index}', report['status']
        if status == 'returned':
            try:
                return f'{_RESULT}.{label}', self._result(report['value'])
            except (CannotStoreError, ImportError) as error:
                status, report = 'unstorable', {'reason': str(error)}
        return f'{_EXCEPTION}.{label}', detach(orm.Dict(item_details(status, report)))


def count_items(node: orm.CalculationNode) -> int:
    """Return how many items a job was given."""
    return _count(node.base.links.get_incoming(link_type=LinkType.INPUT_CALC).nested())


def _count(inputs: Mapping[str, Any]) -> int:
    """Return how many items the inputs of a job are about."""
    for column in inputs.get('arguments', {}).values():
        return len(from_node(column))
    return 1 + max(int(label.rpartition('_')[2]) for label in inputs['items'])


def map_outcome(node: orm.CalculationNode, target: Callable[..., Any]) -> list[Any]:
    """Return the results of a job for many items, in order; for an item without one, an exception.

    :param node: its process node.
    :param target: the function.
    :raises ChildFailedError: if there are none, as the job as a whole has failed.
    """
    outputs = {entry.link_label: entry.node for entry in node.base.links.get_outgoing(link_type=LinkType.CREATE).all()}
    if not node.is_finished or not any(label.startswith((_RESULT, _EXCEPTION)) for label in outputs):
        raise failure_of(node, target)
    found: list[Any] = []
    for index in range(count_items(node)):
        if (result := outputs.get(f'{_RESULT}__item_{index}')) is not None:
            found.append(value_of(result, target))
        elif (exception := outputs.get(f'{_EXCEPTION}__item_{index}')) is not None:
            where = f'item {index} of the function job {node.pk}'
            found.append(item_failure(where, exception.get_dict(), target, node, node.exit_status))
        else:
            found.append(failure_of(node, target))  # the job ended before it
    return found
