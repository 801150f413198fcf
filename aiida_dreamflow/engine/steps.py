"""The record of a step: written at its end, read at a restart.

A record is a ``CalcFunctionNode`` that the workflow calls. It holds the frame, so the newest record of a workflow is
where it goes on: a restart reads one node, however many steps came before.
"""

from __future__ import annotations

import base64
import json
import platform
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from aiida import orm
from aiida.engine import ProcessState
from aiida.repository import Repository

from ..exceptions import UntrustedValueError
from ..values.signing import sign, verify
from .hidden import Origins
from .lookup import newest_called
from .transaction import Caller, Scalar, StepRows, store_step

__all__ = (
    'FRAME_FOLDER',
    'Step',
    'find_record',
    'frame_document',
    'is_step_label',
    'latest_step',
    'read_file',
    'read_step',
    'sealed',
    'write_step',
)

_LABEL = 'step_'
#: Where the files of a frame are in the repository of a record.
FRAME_FOLDER = 'frame/'
#: Where AiiDA looks for the source of a calculation function.
_SOURCE_FILE = orm.CalcFunctionNode.FUNCTION_SOURCE_FILE_PATH


@dataclass
class Step:
    """What a record says.

    :ivar number: the number of the step, from one.
    :ivar lines: the first and the last line of the workflow function that it ran.
    :ivar state: ``'waiting'`` or ``'returned'``.
    :ivar label: what it is called, if not after its lines.
    :ivar origins: the nodes of the variables.
    :ivar sources: the uuids of the nodes that hold the sources of function jobs, by fingerprint.
    :ivar outputs: the uuids of the workflow's outputs by port, if it has returned.
    :ivar shape: what they make together (see `returning`).
    :ivar exit_code: status and message, if it has returned an exit code.
    :ivar document: the document of the frame.
    :ivar keys: the keys of the files of the frame in AiiDA's repository, by sha256.
    :ivar record: the node of the record, if it was read.
    """

    number: int
    lines: tuple[int, int]
    state: str
    label: str = ''
    origins: Origins = field(default_factory=Origins)
    sources: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    shape: dict[str, Any] | None = None
    exit_code: list[Any] | None = None
    document: dict[str, Any] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    record: orm.ProcessNode | None = None

    def read_file(self, sha: str) -> bytes:
        """Return the content of a file of the frame."""
        assert self.record is not None
        return read_file(self.record, sha)


def read_file(record: orm.ProcessNode, sha: str) -> bytes:
    """Return the content of a file that the record of a step names."""
    content: bytes = record.base.repository.get_object_content(FRAME_FOLDER + sha, mode='rb')
    return content


def is_step_label(label: str) -> bool:
    """Return whether the link to the record of a step may have this label."""
    return label.startswith(_LABEL) and label[len(_LABEL) :].isdecimal()


def write_step(
    caller: Caller,
    step: Step,
    name: str,
    source_key: str,
    inputs: dict[str, int],
    outputs: Mapping[str, orm.Data | Scalar],
) -> dict[str, int]:
    """Store the record of a step, with the nodes that it made, in one transaction.

    :param caller: the workflow.
    :param step: what to record.
    :param name: the name of the workflow function.
    :param source_key: the key of the workflow's source in the repository; the record names it and has no copy.
    :param inputs: the pks of the nodes of the variables that it read, by link label.
    :param outputs: the unstored nodes of those that it made or changed, by link label.
    :returns: the pks of the latter, by uuid.
    """
    first, last = step.lines
    lines = str(first) if first == last else f'{first}-{last}'
    title = step.label or f'{name}:{lines}'
    attributes: dict[str, Any] = {
        'process_label': title,
        'process_state': ProcessState.FINISHED.value,
        'exit_status': 0,
        'sealed': True,
        'function_name': name,
        'function_starting_line_number': first,
        'function_number_of_lines': last - first + 1,
        'python_version': platform.python_version(),
        'dreamflow': {
            'step': step.number,
            'state': step.state,
            **step.origins.written(),
            'sources': step.sources,
            'outputs': step.outputs,
            'shape': step.shape,
            'exit_code': step.exit_code,
            **sealed(step.document),
        },
    }
    files = {_SOURCE_FILE: source_key, **{FRAME_FOLDER + sha: key for sha, key in step.keys.items()}}
    label = f'{_LABEL}{step.number}'
    return store_step(StepRows(caller, label, title, attributes, files, inputs, outputs))


def sealed(document: Mapping[str, Any]) -> dict[str, str]:
    """Return what stands in a record for the document of a frame: its text, compressed, and the signature of that.

    Compressed it takes a third: JSON in JSON in JSON is mostly backslashes, and rows of half a page share one.
    """
    text = base64.b64encode(zlib.compress(json.dumps(document, allow_nan=False).encode('ascii'))).decode('ascii')
    return {'frame': text, 'signature': sign({'frame': text})}


def _document(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text if text.startswith('{') else zlib.decompress(base64.b64decode(text)))
    return document


def frame_document(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of a frame, to be read as text: whoever wrote it, nothing is made of it.

    :param content: what stands in a record, or in a fork, of the step.
    """
    return _document(content['frame'])


def latest_step(caller: orm.WorkChainNode) -> Step | None:
    """Return what the newest record of a workflow says, ``None`` if it has none.

    :raises UntrustedValueError: if this profile did not write it.
    """
    found = find_record(caller)
    return None if found is None else read_step(found)


def find_record(caller: orm.WorkChainNode, number: int | None = None) -> orm.CalcFunctionNode | None:
    """Return the record of a step, ``None`` if there is none.

    :param number: the number of the step; the newest one by default.
    """
    for pk in newest_called(caller, _LABEL if number is None else f'{_LABEL}{number}'):
        record = orm.load_node(pk)
        # The label of a child may begin like that of a step.
        own = record.base.attributes.get('dreamflow', None) if isinstance(record, orm.CalcFunctionNode) else None
        if own is not None and number in (None, own['step']):
            return cast(orm.CalcFunctionNode, record)
    return None


def read_step(record: orm.ProcessNode, attribute: str = 'dreamflow') -> Step:
    """Return what a record says.

    :param record: its node.
    :param attribute: where it stands.
    :raises UntrustedValueError: if this profile did not write it.
    """
    content = record.base.attributes.get(attribute)
    if not verify({'frame': content['frame']}, content['signature']):
        raise UntrustedValueError(
            f'the frame in node {record.pk} was not written by this profile, or was altered since, so it is not loaded. '
            'If it comes from an archive, run the workflow again in this profile; otherwise restore the key of the profile '
            'from a backup: `dreamflow/<profile uuid>.key` in the AiiDA configuration folder'
        )
    first = record.base.attributes.get('function_starting_line_number', 1)
    lines = (first, first + record.base.attributes.get('function_number_of_lines', 1) - 1)
    files = Repository.flatten(record.base.repository.metadata)
    return Step(
        content['step'],
        lines,
        content['state'],
        record.label,
        Origins.read(content),
        content['sources'],
        content['outputs'],
        content.get('shape'),
        content['exit_code'],
        _document(content['frame']),
        {path.removeprefix(FRAME_FOLDER): key for path, key in files.items() if key and path.startswith(FRAME_FOLDER)},
        record,
    )
