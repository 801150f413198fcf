"""The parser of function jobs: from ``result.json`` to output nodes and exit codes.

What it reads comes from another machine and is distrusted: only :mod:`~aiida_dreamflow.jobs.wire` decodes it.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from aiida import orm
from aiida.parsers import Parser

from ..exceptions import CannotStoreError
from ..values.nodes import to_node
from . import remote, wire
from .calculation import STDERR_FILE
from .endings import last_line_with, scheduler_ending
from .reports import Ending, ending_of, not_storable, plain_text

if TYPE_CHECKING:
    from aiida.engine import ExitCode

__all__ = ('MAX_DOCUMENT', 'FunctionParser')

#: How many bytes a document may have.
MAX_DOCUMENT = 2**30
_MAX_STDERR = 2**20
_TAIL = 10
_FOLDER_IS_EMPTY = (
    '(nothing: the files of its folder are gone. If the function removes files, let it do so in a folder of its own, of '
    '`tempfile.mkdtemp()`)'
)
_DISK_FULL = ('No space left on device', 'Disk quota exceeded')
_FILES = re.compile(rf'result(-[0-9]{{1,9}})?{remote.FILES_SUFFIX}')
_NO_PYTHON = ('No such file', 'not found', 'Permission denied')  # what shells say


class FunctionParser(Parser):
    """Turns what a function job wrote into its result, or into an exit code that says what to do."""

    CACHE_VERSION = remote.FORMAT

    def parse(self, **kwargs: Any) -> ExitCode | None:
        """Parse the retrieved files.

        :param kwargs: not used.
        :returns: the exit code if there is no result; ``None`` leaves that of the scheduler, if any.
        """
        text = self.read(remote.RESULT_FILE, MAX_DOCUMENT)
        if text is None:
            return self.without_result()
        try:
            if len(text) == MAX_DOCUMENT:
                raise wire.MalformedError('it is too large; large data belongs into numpy arrays')
            return self._report(wire.loads(text))
        except (wire.MalformedError, LookupError, OSError, TypeError, ValueError) as error:
            return self.exit('ERROR_RESULT_MALFORMED', reason=error)

    def result_of(self, report: Any) -> ExitCode | None:
        """Act on what the job says when the function was called."""
        if report['status'] != 'returned':
            raise wire.MalformedError('unknown status')
        try:
            self.out('result', self.node_of(report['value']))
        except (CannotStoreError, ImportError) as error:
            return self.exit_for(not_storable(error))
        return None

    def node_of(self, data: Any) -> orm.Data:
        """Return the node for an encoded result: of a file or a folder that the function returned the path of, its content.

        :raises CannotStoreError: if it has none.
        :raises wire.MalformedError: if no function job wrote it.
        """
        if type(data) is not dict or data.get('!') not in ('file', 'folder'):
            node: orm.Data = to_node(wire.decode(data, self.open_array))
            return node
        if type(data['name']) is not str or not _FILES.fullmatch(data['name']):
            raise wire.MalformedError('no folder of returned files')
        repository = self.retrieved.base.repository
        paths = [folder / name for folder, _, names in repository.walk(Path(data['name'])) for name in names]
        if data['!'] == 'file':
            (path,) = paths
            return orm.SinglefileData.from_bytes(
                repository.get_object_content(str(path), mode='rb'), filename=path.name
            )
        made = orm.FolderData()
        for path in paths:
            content = repository.get_object_content(str(path), mode='rb')
            made.base.repository.put_object_from_bytes(content, str(path.relative_to(data['name'])))
        return made

    def _report(self, report: Any) -> ExitCode | None:
        """Act on what the job says of itself."""
        ending = ending_of(report)
        if ending is None:
            return self.result_of(report)
        if ending.exception is not None:
            self.out('exception', orm.Dict(ending.exception))
        return self.exit_for(ending)

    def without_result(self) -> ExitCode | None:
        """Find out why the job wrote nothing."""
        stderr = self.read(STDERR_FILE, _MAX_STDERR) or ''
        if 'SyntaxError' in stderr and remote.REMOTE_FILE in stderr:
            return self.exit('ERROR_PYTHON_TOO_OLD', version='')
        executable = str(self.node.inputs.code.get_executable())
        started = '\n'.join(line for line in stderr.splitlines() if executable in line)
        if (reason := last_line_with(_NO_PYTHON, started)) is not None:
            return self.exit('ERROR_PYTHON_MISSING', executable=executable, reason=reason)
        if (reason := last_line_with(_DISK_FULL, stderr)) is not None:
            return self.exit('ERROR_DISK_FULL', reason=reason)
        return self._ended_by_scheduler() or self.exit('ERROR_NO_RESULT', stderr=self._tail(stderr))

    def _ended_by_scheduler(self) -> ExitCode | None:
        """Find out from the scheduler's words whether it ended the job."""
        words = self.read(str(self.node.get_option('scheduler_stderr')), _MAX_STDERR)
        ending = scheduler_ending(words or '', self.node.get_detailed_job_info(), self.node.exit_status)
        if words is None and ending is None:
            # Not even the file for the words is there.
            if (
                getattr(self.node.computer, 'scheduler_type', '') == 'core.direct'
            ):  # which begins every job, and cancels none
                return self.exit('ERROR_NO_RESULT', stderr=_FOLDER_IS_EMPTY)
            return self.exit(
                'ERROR_JOB_CANCELLED', when='before it began (or has itself removed the files of its folder)'
            )
        if ending == 'ERROR_JOB_CANCELLED':
            return self.exit(ending, when='while it ran')
        if ending == 'ERROR_SCHEDULER_OUT_OF_WALLTIME':
            seconds = self.node.get_option('max_wallclock_seconds')
            return self.exit(ending, limit=f' (it had {seconds} s)' if seconds else '')
        return self.exit(ending) if ending is not None else None

    def _tail(self, stderr: str) -> str:
        words = stderr or self.read(str(self.node.get_option('scheduler_stderr')), _MAX_STDERR) or '(nothing)'
        return '\n'.join(words.splitlines()[-_TAIL:])

    def exit(self, label: str, **details: object) -> ExitCode:
        """Return the exit code with a label, its message filled."""
        return self.exit_for(Ending(label, details))

    def exit_for(self, ending: Ending) -> ExitCode:
        """Return the exit code for an ending."""
        code: ExitCode = self.exit_codes[ending.label].format(pk=self.node.pk, **ending.details)
        stored: ExitCode = code._replace(message=plain_text(code.message or ''))
        return stored

    def read(self, name: str, limit: int) -> str | None:
        """Return the end of a retrieved text file, at most so many bytes of it."""
        content = b''
        try:
            with self.retrieved.base.repository.open(name, mode='rb') as handle:
                while chunk := handle.read(limit):
                    content = (content + chunk)[-limit:]
        except OSError:
            return None
        return content.decode('utf-8', 'replace')

    def open_array(self, name: str) -> BinaryIO:
        """Open one of the retrieved arrays."""
        # Packed objects of the repository can be sought in forwards only.
        return io.BytesIO(self.retrieved.base.repository.get_object_content(name, mode='rb'))
