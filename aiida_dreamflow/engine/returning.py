"""What a workflow function returns: outputs with names, and what these make together.

A mapping gives an output for each of its entries, a dataclass or named tuple for each field, and a mapping that holds nodes a
namespace of outputs. An output is of AiiDA's own types where one of these says the same: ``Float`` for a ``numpy.float64``,
``SinglefileData`` for a figure.
Whoever awaits the workflow is to get exactly what was returned, so the record of the last step says what to make of the
outputs: their *shape*. It keeps what the outputs do not.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiida import orm
from aiida.engine.processes.ports import OutputPort, PortNamespace
from plumpy.ports import PortValidationError

from ..exceptions import CannotStoreError, CompileError, FrameError, WorkflowUsageError
from ..jobs.names import port_name
from ..runtime.activation import Activation
from ..values.nodes import from_node, natural, to_node
from ..values.signing import require_trust, sign
from ..values.snapshot import Codec, decode, encode
from .declared import Declared, declared_outputs, is_figure, undeclared

__all__ = (
    'OWN_STATUSES',
    'require_exit_codes',
    'Output',
    'ReturnPort',
    'given_back',
    'is_result',
    'nested',
    'odd_names',
    'outputs_in',
    'ports_of',
    'require_declared',
    'returned_value',
    'shape_of',
)

#: The statuses of the exit codes that every workflow has.
OWN_STATUSES = (400, 401)

#: The longest document that stands in a record; longer ones are files.
_DOCUMENT_LIMIT = 100_000


def require_exit_codes(function: types.FunctionType, exit_codes: Mapping[str, tuple[int, str]]) -> None:
    """Refuse exit codes that AiiDA would not take.

    :param exit_codes: status and message, by label.
    :raises CompileError: naming the label.
    """
    code: Any
    for label, code in exit_codes.items():
        where = f'workflow function `{function.__qualname__}`: exit code `{label}`'
        if not label.isidentifier() or label != label.upper():
            raise CompileError(f'{where} is no label: write it in capitals, `ERROR_NOT_CONVERGED`')
        is_pair = isinstance(code, tuple) and len(code) == 2 and isinstance(code[1], str)
        if not is_pair or type(code[0]) is not int or code[0] < 100 or code[0] in OWN_STATUSES:
            raise CompileError(
                f'{where} is {code!r}: give a status of 100 or more, but for {" and ".join(map(str, OWN_STATUSES))}, which this '
                f"package has, and a message: `'{label}': (410, 'what went wrong')`"
            )


@dataclass(frozen=True)
class Output:
    """One output of a workflow.

    :ivar path: the names that lead to it: one, or those of its namespaces and its own.
    :ivar value: what was returned.
    """

    path: tuple[str, ...]
    value: Any

    @property
    def port(self) -> str:
        """The name of its port, with those of its namespaces."""
        return '.'.join(map(port_name, self.path))

    @property
    def label(self) -> str:
        """The label of its link."""
        return '__'.join(map(port_name, self.path))

    @property
    def is_exact(self) -> bool:
        """Whether its node gives back the value as it is."""
        return natural(self.value) is self.value and not is_figure(self.value)

    def node(self, picture: str) -> orm.Data:
        """Return its node, not stored yet; one that was returned stays itself.

        :param picture: the format in which a figure of matplotlib is drawn, ``'png'`` or another that it knows.
        :raises CannotStoreError: if the value has no stored form.
        """
        if is_figure(self.value):
            file = io.BytesIO()
            self.value.savefig(file, format=picture, bbox_inches='tight')
            file.seek(0)
            return orm.SinglefileData(file, filename=f'{self.path[-1]}.{picture}')
        return to_node(natural(self.value))  # type: ignore[no-any-return]


def outputs_in(value: Any) -> list[Output]:
    """Return the outputs that a returned value stands for.

    :param value: what the function returned.
    """
    names = _fields(value)
    if names is None or (_is_mapping(value) and odd_names(value)):
        return [Output(('result',), value)]
    return [Output((name, *path), item) for name, inner in names.items() for path, item in _within(inner)]


def nested(uuids: Mapping[str, str], load: Callable[..., Any]) -> dict[str, Any]:
    """Return the nodes of outputs by name, those of a namespace in a dict of their own.

    :param uuids: the uuids of the nodes, by port.
    :param load: loads the node of a ``uuid``.
    """
    outputs: dict[str, Any] = {}
    for port, uuid in uuids.items():
        *namespaces, name = port.split('.')
        place = outputs
        for namespace in namespaces:
            place = place.setdefault(namespace, {})
        place[name] = load(uuid=uuid)
    return outputs


def odd_names(value: Any) -> list[str]:
    """Return the keys of a returned mapping that are no names of outputs, so that all of it is one output.

    A mapping that holds nodes gives outputs all the same: inside of a ``Dict`` nobody would find them.
    """
    if not _is_mapping(value) or _holds_nodes(value):
        return []
    return [name for name in value if port_name(name) != name]


def is_result(value: Any) -> bool:
    """Return whether a returned value is the one output ``result``, whose node gives it back as it is."""
    outputs = outputs_in(value)
    return len(outputs) == 1 and outputs[0].value is value and outputs[0].is_exact


def ports_of(function: types.FunctionType, names: Iterable[str]) -> dict[str, OutputPort | PortNamespace]:
    """Return the output ports of a workflow function, by name: those that its return annotation declares, or its source tells.

    :param names: what its ``return`` statements name.
    """
    declared = declared_outputs(function)
    if not declared:
        return {port_name(name): ReturnPort(port_name(name)) for name in names}
    return {port_name(name): _port_of(port_name(name), each) for name, each in declared.items()}


def _port_of(name: str, declared: Declared) -> OutputPort | PortNamespace:
    if declared.inner is None:
        text = ': '.join(filter(None, (declared.parameter.text, declared.help)))
        return ReturnPort(name, declared.is_required, declared.node_types, text)
    namespace = PortNamespace(name, required=declared.is_required, help=declared.help or None)
    for inner, each in declared.inner.items():
        namespace[port_name(inner)] = _port_of(port_name(inner), each)
    return namespace


def require_declared(function: types.FunctionType, outputs: Iterable[Output], call: Activation | None) -> None:
    """Refuse outputs that are not those that the function declares.

    :param call: the call that returned, as it was at its end.
    :raises WorkflowUsageError: saying what differs.
    """
    if message := undeclared(function, {output.path: output.value for output in outputs}):
        where = '' if call is None else f'{call.program.source.filename}, line {call.block.last_line}: '
        raise WorkflowUsageError(
            f'{where}{message}: correct the return annotation or what is returned. `dreamflow fork --edited` goes on from '
            'the last await'
        )


class ReturnPort(OutputPort):
    """The port of an output: a node, or a namespace if a mapping is returned that holds nodes.

    What is returned is compared with the annotation, which allows more than a class of nodes can say: an ``int`` for ``float``.

    :param name: its name.
    :param required: whether it is always there.
    :param valid_type: the classes of its nodes that are shown.
    :param text: what is said of it.
    """

    def __init__(
        self, name: str, required: bool = False, valid_type: tuple[type[orm.Data], ...] = (orm.Data,), text: str = ''
    ) -> None:
        super().__init__(name, required=required, valid_type=valid_type, help=text)  # type: ignore[arg-type]

    def validate(self, value: Any, breadcrumbs: Sequence[str] = ()) -> PortValidationError | None:
        """Return what is wrong with a node, or with those of a namespace; ``None`` if nothing is."""
        if isinstance(value, orm.Data):
            return None
        if not isinstance(value, Mapping):
            return super().validate(value, breadcrumbs)
        faults = (self.validate(inner, (*breadcrumbs, self.name, name)) for name, inner in value.items())
        return next(filter(None, faults), None)


@dataclass(frozen=True)
class Shape:
    """What the outputs of a workflow make together.

    :ivar content: what stands in the record, pure JSON.
    :ivar files: the files that belong to it, by sha256.
    """

    content: dict[str, Any]
    files: Mapping[str, bytes] = field(default_factory=dict)


def shape_of(value: Any, codecs: Sequence[Codec]) -> Shape | None:
    """Return what the outputs of a returned value make together.

    :param value: what the function returned.
    :param codecs: those of the frame.
    :returns: the shape; ``None`` if the outputs say it all. A node that was returned is given back as a node, not as its
        value: the shape names such outputs.
    """
    if value is None or is_result(value):
        return Shape({'nodes': ['result']}) if isinstance(value, orm.Data) else None
    exact = {output.label: output.value for output in outputs_in(value) if output.is_exact}
    try:
        snapshot = encode({'': value}, [_OutputCodec(exact), *codecs])
    except CannotStoreError as error:
        return Shape({'lost': str(error)})  # the outputs are there; only a workflow that awaits this one misses it
    nodes = [label for label, item in exact.items() if isinstance(item, orm.Data)]
    # As text: a database may change what numbers and texts inside of its own JSON are.
    text = json.dumps(snapshot.document)
    signature = sign(snapshot.document)
    if len(text) <= _DOCUMENT_LIMIT:
        return Shape({'document': text, 'signature': signature, 'nodes': nodes}, snapshot.blobs)
    data = text.encode('ascii')
    sha = hashlib.sha256(data).hexdigest()
    return Shape({'file': sha, 'signature': signature, 'nodes': nodes}, {**snapshot.blobs, sha: data})


def returned_value(
    outputs: Mapping[str, orm.Data], shape: Mapping[str, Any], read: Callable[[str], bytes], codecs: Sequence[Codec]
) -> Any:
    """Return what a workflow function returned.

    :param outputs: its outputs, by the labels of their links.
    :param shape: what they make together: the content of the :class:`Shape`.
    :param read: gives the content of a file of the shape.
    :param codecs: those of its frame.
    :raises UntrustedValueError: if this profile did not write it, and it would run code.
    :raises FrameError: if it could not be stored.
    """
    if 'lost' in shape:
        raise _lost(shape['lost'])
    nodes = shape.get('nodes', [])
    if nodes == ['result'] and 'signature' not in shape:
        return outputs['result']
    codecs = [_OutputCodec(outputs, nodes), *codecs]
    document = json.loads(shape['document'] if 'document' in shape else read(shape['file']))
    require_trust(document, shape['signature'], codecs)
    return decode(document, read, codecs)['']


def _lost(reason: object) -> FrameError:
    return FrameError(f'what the workflow returned could not be stored as a whole: {reason}; its outputs could')


def given_back(value: Any, outputs: Mapping[str, Any], codecs: Sequence[Codec]) -> Any:
    """Return what is given to who awaits a workflow that runs in memory.

    :param value: what the function returned.
    :param outputs: the values of its outputs as others get them, by the labels of their links.
    :param codecs: those of the frame.
    :raises FrameError: if it could not be stored.
    """
    if value is None or is_result(value):
        return outputs.get('result')
    exact = {output.label: output.value for output in outputs_in(value) if output.is_exact}
    try:
        snapshot = encode({'': value}, [_OutputCodec(exact), *codecs])
    except CannotStoreError as error:
        raise _lost(error) from error
    codecs = [_OutputCodec(outputs, outputs), *codecs]
    return decode(snapshot.document, snapshot.blobs.__getitem__, codecs)['']


def _fields(value: Any) -> Mapping[str, Any] | None:
    """Return the outputs of a value by name; ``None`` for one that is an output itself."""
    if value is None:
        return {}
    if _is_mapping(value):
        return value  # type: ignore[no-any-return]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, '_asdict'):
        return dict(value._asdict())
    return None


def _within(value: Any, around: tuple[int, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the outputs of an entry of a mapping: itself, or what its namespace has, with the names that lead there."""
    if id(value) in around or not (_is_mapping(value) and _holds_nodes(value)):
        yield (), value
        return
    for name, inner in value.items():
        for path, item in _within(inner, (*around, id(value))):
            yield (name, *path), item


def _is_mapping(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) and name for name in value)


def _holds_nodes(value: Mapping[str, Any]) -> bool:
    mappings, seen = [value], set()
    while mappings:
        mapping = mappings.pop()
        seen.add(id(mapping))
        for item in mapping.values():
            if isinstance(item, orm.Data):
                return True
            if id(item) not in seen and _is_mapping(item):
                mappings.append(item)
    return False


class _OutputCodec(Codec):
    """The outputs inside of what is returned, by the labels of their links.

    :param outputs: their values by label; their nodes for decoding.
    :param nodes: the labels of those that are given back as nodes.
    """

    name = 'output'
    runs_code = False

    def __init__(self, outputs: Mapping[str, Any], nodes: Collection[str] = ()) -> None:
        self._outputs, self._nodes = outputs, nodes
        self._labels = {id(value): label for label, value in outputs.items()}

    def encode(self, value: object, ref: Callable[[object], Any]) -> Any | None:
        """Return the label of an output."""
        return self._labels.get(id(value))

    def decode(self, content: Any, get: Callable[[Any], Any]) -> object:
        """Return the value of an output."""
        output: object = self._outputs[content]
        return output if content in self._nodes else from_node(output)
