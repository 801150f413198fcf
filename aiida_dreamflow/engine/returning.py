"""What a workflow function returns: outputs with names, and what these make together.

A dict gives an output for each of its entries, a dataclass or named tuple for each field. Whoever awaits the workflow is
to get what was returned, so the record of the last step says what to make of the outputs: their *shape*.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from aiida import orm

from ..exceptions import CannotStoreError
from ..jobs.names import port_name
from ..values.nodes import from_node
from ..values.signing import require_trust, sign
from ..values.snapshot import Codec, decode, encode

__all__ = ('named_outputs', 'returned_value', 'shape_of')


def named_outputs(value: Any) -> dict[str, Any]:
    """Return the outputs that a returned value stands for, by name.

    :param value: what the function returned.
    """
    if value is None:
        return {}
    if type(value) is dict and all(isinstance(name, str) for name in value):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, tuple) and hasattr(value, '_asdict'):
        return dict(value._asdict())
    return {'result': value}


def shape_of(value: Any, codecs: Sequence[Codec]) -> dict[str, Any] | None:
    """Return what the outputs of a returned value make together, as pure JSON.

    :param value: what the function returned.
    :param codecs: those of the frame.
    :returns: the shape; ``None`` if the value is the one output ``result``, or none, or has no shape that can be stored.
        A node that was returned is given back as a node, not as its value: the shape names such outputs.
    """
    outputs = named_outputs(value)
    nodes = [port_name(name) for name, item in outputs.items() if isinstance(item, orm.Data)]
    if outputs.get('result') is value and nodes:
        return {'nodes': nodes}
    if value is None or outputs.get('result') is value:
        return None
    with contextlib.suppress(CannotStoreError):
        snapshot = encode({'': value}, [_OutputCodec(outputs), *codecs])
        if not snapshot.blobs:
            # As text: a database may change what numbers and texts inside of its own JSON are.
            return {'document': json.dumps(snapshot.document), 'signature': sign(snapshot.document), 'nodes': nodes}
    return None


def returned_value(outputs: Mapping[str, orm.Data], shape: Mapping[str, Any], codecs: Sequence[Codec]) -> Any:
    """Return what a workflow function returned.

    :param outputs: its outputs, by port.
    :param shape: what they make together.
    :param codecs: those of its frame.
    :raises UntrustedValueError: if this profile did not write it, and it would run code.
    """
    nodes = shape.get('nodes', [])
    values = {port: node if port in nodes else from_node(node) for port, node in outputs.items()}
    if 'document' not in shape:
        return values['result']
    codecs = [_OutputCodec(values), *codecs]
    document = json.loads(shape['document'])
    require_trust(document, shape['signature'], codecs)
    no_files: dict[str, bytes] = {}
    return decode(document, no_files.__getitem__, codecs)['']


class _OutputCodec(Codec):
    """The outputs inside of what is returned, by port.

    :param outputs: their values, by name; by port for decoding.
    """

    name = 'output'
    runs_code = False

    def __init__(self, outputs: Mapping[str, Any]) -> None:
        self._outputs = outputs
        self._ports = {id(value): port_name(name) for name, value in outputs.items()}

    def encode(self, value: object, ref: Callable[[object], Any]) -> Any | None:
        """Return the port of an output."""
        return self._ports.get(id(value))

    def decode(self, content: Any, get: Callable[[Any], Any]) -> object:
        """Return the value of an output."""
        return cast(object, self._outputs[content])
