"""The CalcJob that runs one Python function on a computer.

Knows AiiDA and how function and arguments travel (:mod:`~aiida_dreamflow.jobs.remote`); must not know workflows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiida import orm
from aiida.common.datastructures import CalcInfo, CodeInfo
from aiida.engine import CalcJob
from plumpy import ProcessState

from ..compiler.bundle import Bundle, ModuleSource
from ..compiler.state import State
from ..values.homes import at_home
from ..values.nodes import from_node
from . import remote, wire
from .arguments import request_of
from .computing import modules_of
from .leased import Leased
from .names import python_name
from .placing import path_of, place
from .reports import EXIT_CODES
from .sending import FILE_NODES, sendable
from .waiting import Waiting

if TYPE_CHECKING:
    from aiida.common.folders import Folder
    from aiida.engine import CalcJobProcessSpec

__all__ = ('FunctionJob', 'bundle_to_nodes', 'nodes_to_bundle', 'value_there')

STDOUT_FILE, STDERR_FILE = remote.PRINTED_FILES
#: Where the files of arguments are, in the working directory of the job.
FILES_FOLDER = 'files'


_OPTIONS: dict[str, Any] = {
    'parser_name': 'dreamflow.function',
    'input_filename': remote.INPUTS_FILE,
    'output_filename': STDOUT_FILE,
    'resources': lambda: {'num_machines': 1, 'num_mpiprocs_per_machine': 1},
    'withmpi': False,
}


def bundle_to_nodes(bundle: Bundle) -> dict[str, orm.Data]:
    """Return the nodes for a bundle; store them once and give them to every job of the function.

    What does not change the function's behaviour is no attribute, so that caching does not see it.

    :param bundle: the function's source.
    :returns: unstored nodes. ``function``: the source as a file, ``verdi node repo cat`` shows it; its attribute ``state`` has the
        values of global variables that are plain data, as JSON. ``state``, if there are some: the files of other values, and of modules.
    """
    content = bundle.source.encode('utf-8', 'surrogatepass')
    node = orm.SinglefileData.from_bytes(content, filename=remote.FUNCTION_FILE)
    node.label = bundle.qualname
    node.description = '\n'.join([bundle.filename, *(name for name, _ in bundle.cells)])
    node.base.attributes.set('qualname', bundle.qualname)
    node.base.attributes.set('module', bundle.module)
    if bundle.cells:
        node.base.attributes.set('cells', [count for _, count in bundle.cells])
    if bundle.main_package:
        node.base.attributes.set('package', bundle.main_package)
    if bundle.state.plain:
        node.base.attributes.set('state', wire.dumps(bundle.state.plain))  # AiiDA rounds numbers in attributes
    if bundle.made_by:
        node.base.extras.set(_MADE_BY, dict(bundle.made_by))
    if not (bundle.state.files or bundle.modules):
        return {'function': node}
    state = orm.FolderData()
    state.label = bundle.qualname
    state.description = '\n'.join(module.filename for module in bundle.modules)
    state.base.attributes.set('modules', [[module.name, module.is_package] for module in bundle.modules])
    for name, data in bundle.state.files.items():
        state.base.repository.put_object_from_bytes(data, f'{_VALUES}/{name}')
    for module in bundle.modules:
        data = module.source.encode('utf-8', 'surrogatepass')
        state.base.repository.put_object_from_bytes(data, f'{_MODULES}/{path_of(module.name, module.is_package)}')
    return {'function': node, 'state': state}


_VALUES, _MODULES = 'values', 'modules'
#: Extra of a function's source, as the hash does not see it.
_MADE_BY = 'dreamflow_made_by'


def nodes_to_bundle(nodes: Mapping[str, Any]) -> Bundle:
    """Return the bundle of nodes.

    :param nodes: what :func:`bundle_to_nodes` gave; other inputs of a job may be among them.
    :returns: the function's source.
    """
    node = nodes['function']
    attributes = node.base.attributes
    source = node.content.decode('utf-8', 'surrogatepass')
    filename, *cells = node.description.split('\n')
    counts = attributes.get('cells', [])
    names = attributes.get('qualname'), attributes.get('module'), filename
    files: dict[str, bytes] = {}
    modules: list[ModuleSource] = []
    if (folder := nodes.get('state')) is not None:
        repository = folder.base.repository
        if _VALUES in repository.list_object_names():
            for name in repository.list_object_names(_VALUES):
                files[name] = repository.get_object_content(f'{_VALUES}/{name}', mode='rb')
        places = folder.description.split('\n')
        for (name, is_package), place in zip(folder.base.attributes.get('modules'), places, strict=False):
            data = repository.get_object_content(f'{_MODULES}/{path_of(name, is_package)}', mode='rb')
            modules.append(ModuleSource(name, place, data.decode('utf-8', 'surrogatepass'), is_package))
    state = State(wire.loads(attributes.get('state', '{}')), files)
    pairs = tuple(zip(cells, counts, strict=False))
    package, made_by = attributes.get('package', ''), node.base.extras.get(_MADE_BY, {})
    return Bundle(
        *(source, *names), modules=tuple(modules), cells=pairs, state=state, main_package=package, made_by=made_by
    )


def value_there(node: orm.Data, folder: Path) -> Any:
    """Return the value of an argument where the function runs; the files of a node are put into the folder."""
    if not isinstance(node, FILE_NODES):
        return from_node(node)
    place = Path(FILES_FOLDER) / str(len(list((folder / FILES_FOLDER).glob('*'))))
    (folder / place).mkdir(parents=True)
    node.base.repository.copy_tree(folder / place)
    return place / node.filename if isinstance(node, orm.SinglefileData) else place


def _files_in(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in (folder / FILES_FOLDER).rglob('*') if path.is_file()]


def _validate_function(node: orm.SinglefileData, _: object) -> str | None:
    if 'qualname' not in node.base.attributes.keys():  # noqa: SIM118  (not a mapping)
        return 'not the node of a function; `function_job_inputs` makes the inputs of a function job'
    return None


class FunctionJob(Leased, CalcJob):
    """Runs one Python function on a computer that has Python 3.8 or later, and nothing else."""

    CACHE_VERSION = remote.FORMAT

    @classmethod
    def get_state_classes(cls) -> Any:
        """Return the classes of the states, by their labels."""
        return {**super().get_state_classes(), ProcessState.WAITING: Waiting}

    @classmethod
    def define(cls, spec: CalcJobProcessSpec) -> None:  # type: ignore[override]
        """Define inputs, outputs and exit codes.

        :param spec: the specification to fill.
        """
        super().define(spec)
        spec.input(
            'function',
            valid_type=orm.SinglefileData,
            validator=_validate_function,
            help='The source of the function and of what it uses from its own file, and the values of global variables.',
        )
        spec.input(
            'state',
            valid_type=orm.FolderData,
            required=False,
            help="The user's other modules that the function uses, and values of global variables that are no plain data.",
        )
        spec.input_namespace(
            'arguments',
            valid_type=orm.Data,
            dynamic=True,
            required=False,
            help='The arguments of the function, by name; names that AiiDA does not take are escaped.',
        )
        spec.output('result', valid_type=orm.Data, help='What the function returned.')
        spec.output('exception', valid_type=orm.Dict, required=False, help='The exception that ended the function.')
        for name, default in _OPTIONS.items():
            spec.inputs['metadata']['options'][name].default = default  # type: ignore[index]
        for status, label, message in EXIT_CODES:
            spec.exit_code(status, label, message=message, invalidates_cache=True)

    def _build_process_label(self) -> str:
        # What `verdi process list` shows: three hundred jobs should not all have one name.
        return f'{type(self).__name__}<{self.inputs.function.label}>'

    def out(self, output_port: str, value: Any = None) -> None:
        """Give an output.

        AiiDA (2.9.4, ``execmanager.upload_calculation``) gives its `CalcInfo` for the folder where it finds that the upload
        was done before a crash.
        """
        if output_port == 'remote_folder' and isinstance(value, CalcInfo):
            value = self.node.base.links.get_outgoing(link_label_filter=output_port).one().node
        super().out(output_port, value)

    def on_output_emitted(self, output_port: str, value: Any, dynamic: bool) -> None:
        """Link a folder to the job now; AiiDA does so some commits later, and after a crash in between never."""
        super().on_output_emitted(output_port, value, dynamic)
        if output_port in ('remote_folder', 'retrieved'):
            self.update_outputs()

    def arguments_there(self, path: Path) -> dict[str, Any]:
        """Return the arguments as the function gets them.

        :param path: the folder that is uploaded; files are put into it.
        """
        return {python_name(name): value_there(node, path) for name, node in self.inputs.get('arguments', {}).items()}

    def complete(self, document: dict[str, Any], path: Path) -> None:
        """Add what else the job needs to the document that it reads, and to the folder that is uploaded."""

    def prepare_for_submission(self, folder: Folder) -> CalcInfo:
        """Write what the remote needs: the runner, the function's source and the arguments.

        :param folder: the folder that is uploaded.
        :returns: what to run and what to retrieve.
        """
        path = Path(folder.abspath)
        source = nodes_to_bundle(self.inputs)
        described, placed = place(source, path)
        arrays, modules = wire.ArrayFolder(path, 'input'), modules_of(source)
        with at_home(modules):
            arguments = self.arguments_there(path)
            document = request_of(described, arguments, arrays.save, sendable, modules.names())
            document['mpi'] = self.inputs.metadata.options.withmpi
            self.complete(document, path)
        (path / remote.INPUTS_FILE).write_text(wire.dumps(document), encoding='ascii')

        code = CodeInfo()
        code.code_uuid = self.inputs.code.uuid
        code.cmdline_params = [remote.REMOTE_FILE]
        code.stdout_name = STDOUT_FILE
        code.stderr_name = STDERR_FILE
        calculation = CalcInfo()
        calculation.codes_info = [code]
        calculation.retrieve_list = [
            remote.RESULT_FILE,
            'result-*.npy',
            f'result*{remote.FILES_SUFFIX}',
            STDOUT_FILE,
            STDERR_FILE,
        ]
        # The arguments are nodes already; their arrays and files need no copy in this node.
        calculation.provenance_exclude_list = [*arrays.names, *_files_in(path), *placed]
        return calculation
