"""Which documents may be decoded whoever wrote them, and which only if this profile signed them.

A document runs code if rebuilding it would import anything, or call anything beyond the closed lists below. It is
always found from the records themselves: a flag in the document could be forged.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import plugins
from .records import CODEC, REF, Record

__all__ = ('has_pickles', 'is_pickle', 'records_run_code')

_PLAIN_KINDS = frozenset(
    [
        *(
            'str',
            'str*',
            'int',
            'float',
            'complex',
            'bytes',
            'bytearray',
            'constant',
            'range',
            'slice',
            'dtype',
            'scalar',
        ),
        *('list', 'tuple', 'dict', 'set', 'frozenset', 'cell', 'iterator', 'dict iterator', 'exhausted', 'view'),
        *('itertools', 'tee source', 'set iterator', 'over set'),
        *(
            'exception',
            'lost exception',
            'reduced exception',
            'not stored',
            'array',
            'array view',
            'object array',
            'text array',
            'memory',
            'method',
            'address',
        ),
    ]
)

# Classes without any effect of their own, whatever they are called with. Never `type`, nor `numpy.dtype`, whose
# `__setstate__` trusts what it is given.
_CLASSES = {
    'builtins': 'bool int float complex str bytes bytearray list tuple dict set frozenset range slice object enumerate zip '
    'map filter reversed BaseException Exception '
    'ArithmeticError AssertionError AttributeError EOFError FileExistsError FileNotFoundError IndexError KeyError '
    'KeyboardInterrupt LookupError NameError NotImplementedError OSError OverflowError PermissionError '
    'RecursionError RuntimeError StopAsyncIteration StopIteration SystemExit TimeoutError TypeError UnboundLocalError '
    'ValueError ZeroDivisionError BaseExceptionGroup ExceptionGroup',
    'collections': 'OrderedDict Counter defaultdict deque',
    'datetime': 'date datetime time timedelta timezone',
    'decimal': 'Decimal',
    'fractions': 'Fraction',
    'itertools': 'accumulate chain combinations combinations_with_replacement compress count cycle dropwhile filterfalse '
    'groupby islice permutations product repeat starmap takewhile zip_longest',
    'numpy': 'bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 longlong ulonglong float16 float32 float64 '
    'longdouble complex64 complex128 clongdouble str_ bytes_ void datetime64 timedelta64',
    'pathlib': 'Path PosixPath PurePath PurePosixPath PureWindowsPath WindowsPath',
    'types': 'NoneType EllipsisType NotImplementedType SimpleNamespace',
    'uuid': 'UUID SafeUUID',
}
# Classes of well-known packages whose objects are nothing but their attributes: these are set, nothing is called.
_INERT = {
    'aiida_dreamflow.engine.outputs': 'Outputs',
    'ase.atoms': 'Atoms',
    'ase.calculators.calculator': 'Parameters',
    'ase.calculators.singlepoint': 'SinglePointCalculator',
    'ase.cell': 'Cell',
    'ase.constraints': 'FixAtoms',
    'ase.constraints.fix_atoms': 'FixAtoms',
    'pymatgen.core.composition': 'Composition',
    'pymatgen.core.lattice': 'Lattice',
    'pymatgen.core.periodic_table': 'Element',
    'pymatgen.core.sites': 'PeriodicSite Site',
    'pymatgen.core.structure': 'IMolecule IStructure Molecule Structure',
}
# Functions that may be kept and passed on, as in `map(len, items)`, but are not called while decoding. No `getattr`.
_FUNCTIONS = 'len abs min max sum round repr ord chr sorted any all divmod hash'

_CLASS_NAMES = frozenset(f'{module}:{name}' for module, names in _CLASSES.items() for name in names.split())
_INERT_NAMES = frozenset(f'{module}:{name}' for module, names in _INERT.items() for name in names.split())
_NAMES = (
    _CLASS_NAMES
    | _INERT_NAMES
    | {f'builtins:{name}' for name in _FUNCTIONS.split()}
    | {'ase.calculators.calculator:Calculator._deprecated_get_spin_polarized'}  # an attribute of each calculator
)


def _is_plain(record: Record, records: list[Record], plain_codecs: frozenset[str]) -> bool:
    kind, first = record[0], record[1]
    if kind == 'global':
        return first in _NAMES
    if kind in ('call', 'object', 'fields', 'enum', 'flag'):
        # What is called must be one of those classes itself: a method, say, would pass for a plain value.
        called: Any = records[first[0][REF]]
        rest = record[2] if len(record) > 2 else {}
        if called[0] != 'global' or 'setter' in rest:
            return False
        if kind in ('object', 'fields', 'enum') and called[1] in _INERT_NAMES:
            return kind == 'enum' or (not first[1] and not first[2] and rest.keys() <= {'dict', 'pairs'})
        return called[1] in _CLASS_NAMES
    if kind == 'subclass':  # of a builtin class: filled as that class is, and its attributes set
        called, rest = records[first[0][REF]], record[2]
        return called[0] == 'global' and called[1] in _INERT_NAMES and not first[2] and rest.keys() <= {'dict', 'pairs'}
    if kind.startswith(CODEC):
        return kind in plain_codecs or plugins.runs_no_code(kind[len(CODEC) :])
    return kind in _PLAIN_KINDS


def is_pickle(name: str) -> bool:
    """Whether an object that is made by calling a class or function is a pickle, not one of the plain kinds of Python.

    :param name: module and qualified name of what is called, as ``fractions:Fraction``.
    """
    return name not in _CLASS_NAMES and name not in _INERT_NAMES and name != 'numpy:dtype'


def has_pickles(records: list[Record]) -> bool:
    """Whether records that may be decoded hold a pickle: an object stored as its own class says."""
    called = [records[record[1][0][REF]] for record in records if record[0] in ('call', 'object', 'bare')]
    return any(made[0] != 'global' or is_pickle(made[1]) for made in called)


def records_run_code(records: list[Record], plain_codecs: Iterable[str] = ()) -> bool:
    """Whether rebuilding these records may import or call anything beyond plain values.

    :param records: the ``objects`` of a document.
    :param plain_codecs: the kinds of the codecs that run no code of a document's choosing.
    :returns: ``True`` also for records that are not understood.
    """
    plain = frozenset(plain_codecs)
    try:
        return not all(_is_plain(record, records, plain) for record in records)
    except (IndexError, KeyError, TypeError):
        return True
