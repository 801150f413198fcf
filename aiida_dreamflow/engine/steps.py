"""The record of a step: written at its end, read at a restart.

A record is a ``CalcFunctionNode`` that the workflow calls. It holds the frame, so the newest record of a workflow is
where it goes on: a restart reads one node, however many steps came before.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import ProcessState

from ..values.signing import require_trust, sign
from ..values.snapshot import Snapshot
from .transaction import StepRows, store_step

__all__ = ('Step', 'latest_step', 'write_step')

_FRAME_FILE = 'frame.json'
_BLOB_FOLDER = 'frame/'
#: A document beyond this many characters goes into a file of the repository.
_IN_ATTRIBUTES = 50_000


@dataclass
class Step:
    """What a record says.

    :ivar number: the number of the step, from one.
    :ivar lines: the first and the last line of the workflow function that it ran.
    :ivar state: ``'waiting'`` or ``'returned'``.
    :ivar nodes: the uuid and the digest of the node of each variable, by the root of the frame that it is.
    :ivar sources: the uuids of the nodes that hold the sources of function jobs, by fingerprint.
    :ivar outputs: the uuids of the workflow's outputs, if it has returned.
    :ivar exit_code: status and message, if it has returned an exit code.
    :ivar document: the document of the frame.
    :ivar record: the node of the record, if it was read.
    """

    number: int
    lines: tuple[int, int]
    state: str
    nodes: dict[str, list[str]] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    exit_code: list[Any] | None = None
    document: dict[str, Any] = field(default_factory=dict)
    record: orm.CalcFunctionNode | None = None

    def read_blob(self, sha: str) -> bytes:
        """Return the bytes of a blob of the frame."""
        assert self.record is not None
        return self.record.base.repository.get_object_content(_BLOB_FOLDER + sha, mode='rb')


def write_step(
    caller: orm.WorkChainNode,
    step: Step,
    name: str,
    snapshot: Snapshot,
    inputs: dict[str, int],
    outputs: dict[str, orm.Data],
) -> dict[str, int]:
    """Store the record of a step, with the nodes that it made, in one transaction.

    :param caller: the workflow's node.
    :param step: what to record.
    :param name: the name of the workflow function.
    :param snapshot: the stored form of the frame.
    :param inputs: the pks of the nodes of the variables that it read, by link label.
    :param outputs: the unstored nodes of those that it made or changed, by link label.
    :returns: the pks of the latter, by uuid.
    """
    first, last = step.lines
    lines = str(first) if first == last else f'{first}-{last}'
    attributes: dict[str, Any] = {
        'process_label': f'{name}:{lines}',
        'process_state': ProcessState.FINISHED.value,
        'exit_status': 0,
        'sealed': True,
        'function_name': name,
        'function_starting_line_number': first,
        'function_number_of_lines': last - first + 1,
        'dreamflow': {
            'step': step.number,
            'state': step.state,
            'nodes': step.nodes,
            'sources': step.sources,
            'outputs': step.outputs,
            'exit_code': step.exit_code,
            'signature': sign(snapshot.document),
        },
    }
    files: dict[str, bytes] = {}
    text = json.dumps(snapshot.document, allow_nan=False)
    if len(text) > _IN_ATTRIBUTES:
        files[_FRAME_FILE] = text.encode()
    else:
        attributes['dreamflow']['frame'] = text
    files.update({_BLOB_FOLDER + sha: blob for sha, blob in snapshot.blobs.items()})
    label = f'step_{step.number}'
    return store_step(StepRows(caller, label, f'{name}:{lines}', attributes, files, inputs, outputs))


def latest_step(caller: orm.WorkChainNode) -> Step | None:
    """Return what the newest record of a workflow says, ``None`` if it has none.

    :raises UntrustedValueError: if this profile did not write it.
    """
    builder = orm.QueryBuilder(backend=caller.backend)
    builder.append(orm.WorkChainNode, filters={'id': caller.pk}, tag='caller')
    builder.append(
        orm.CalcFunctionNode,
        with_incoming='caller',
        edge_filters={'type': LinkType.CALL_CALC.value},
        filters={'attributes': {'has_key': 'dreamflow'}},
        project='*',
    )
    builder.order_by({orm.CalcFunctionNode: {'id': 'desc'}})
    found = builder.first(flat=True)
    return None if found is None else _read(found)


def _read(record: orm.CalcFunctionNode) -> Step:
    content = record.base.attributes.get('dreamflow')
    first = record.base.attributes.get('function_starting_line_number')
    lines = (first, first + record.base.attributes.get('function_number_of_lines') - 1)
    step = Step(
        content['step'],
        lines,
        content['state'],
        content['nodes'],
        content['sources'],
        content['outputs'],
        content['exit_code'],
        record=record,
    )
    text = content.get('frame') or record.base.repository.get_object_content(_FRAME_FILE, mode='r')
    step.document = json.loads(text)
    require_trust(step.document, content['signature'])
    return step
