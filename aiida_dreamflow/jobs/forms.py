"""How objects of classes cross between machines: by form, never by pickle.

A form says what an object consists of, and how it is made of that again. There are two kinds, and nothing else crosses:

- `FORMS` is the table of classes of Python and of well-known packages. A message names a row of it, never a class or module.
- `KINDS` are the kinds of classes that the file of the function defines or imports: dataclasses, named tuples, enumerations,
  classes of attrs and pydantic. A message gives a name that this file has; objects are filled, no ``__init__`` runs.

This file is uploaded as it is and used there by Python 3.8 or later: it must know the standard library only, and the package
of a row is imported when such an object appears.
"""

from __future__ import annotations

import dataclasses
import enum
import importlib
import types

TYPE_CHECKING = False  # that of `typing` would have to be imported
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    Parts = dict[str, Any]
    Form = tuple[str, Callable[[Any], Parts], Callable[[Any, Parts], Any]]
    Kind = tuple[Callable[[Any], bool], Callable[[Any], Parts], Callable[[Any, Parts], Any]]


class NoFormError(TypeError):
    """An object has no form; says why, and what to send instead."""


# -- packages ---------------------------------------------------------------------------------------------------------


def _masked(numpy: Any, parts: Parts) -> Any:
    mask = numpy.ma.nomask if parts['mask'] is None else parts['mask']
    made = numpy.ma.MaskedArray(parts['data'], mask=mask, hard_mask=parts['hard'])
    if parts['fill'] is not None:
        made.fill_value = parts['fill'][()]
    return made


def _write_masked(value: Any) -> Parts:
    import numpy

    mask = None if value.mask is numpy.ma.nomask else value.mask
    fill = None if value._fill_value is None else numpy.asarray(value._fill_value)
    return {'data': value.data, 'mask': mask, 'fill': fill, 'hard': bool(value.hardmask)}


#: The arrays that a sparse matrix consists of, by its format; others go by way of `coo`.
_SPARSE = {
    'csr': ('data', 'indices', 'indptr'),
    'csc': ('data', 'indices', 'indptr'),
    'bsr': ('data', 'indices', 'indptr'),
    'coo': ('data', 'row', 'col'),
    'dia': ('data', 'offsets'),
}
_BY_COO = ('dok', 'lil')


def _write_sparse(value: Any) -> Parts:
    made = value.tocoo() if value.format in _BY_COO else value
    if len(made.shape) != 2:
        raise NoFormError('send its `coords` and `data`')
    arrays = {name: getattr(made, name) for name in _SPARSE[made.format]}
    return {'class': type(value).__name__, 'shape': list(value.shape), 'arrays': arrays}


def _sparse(scipy_sparse: Any, parts: Parts) -> Any:
    name, arrays = parts['class'], parts['arrays']
    form, _, kind = name.partition('_')
    if kind not in ('matrix', 'array') or form not in (*_SPARSE, *_BY_COO):
        raise ValueError(f'no sparse matrix: {name}')
    maker = getattr(scipy_sparse, ('coo_' + kind) if form in _BY_COO else name)
    first, *rest = [arrays[each] for each in _SPARSE.get(form, _SPARSE['coo'])]
    given = (first, *rest) if form in ('csr', 'csc', 'bsr', 'dia') else (first, tuple(rest))
    made = maker(given, shape=tuple(parts['shape']), dtype=first.dtype)
    if form in ('csr', 'csc', 'bsr'):
        made.check_format(full_check=True)  # what lies outside would be read outside
    return made.asformat(form) if form in _BY_COO else made


def _write_atoms(value: Any) -> Parts:
    calculator = value.calc
    results = None
    if calculator is not None:
        if type(calculator).__name__ != 'SinglePointCalculator':
            name = type(calculator).__name__
            raise NoFormError(f'its calculator, a `{name}`, does not cross: take it off (`atoms.calc = None`)')
        results = dict(calculator.results)
    return {
        'arrays': dict(value.arrays),
        'cell': value.cell.array,
        'pbc': value.pbc,
        'celldisp': value.get_celldisp(),
        'info': dict(value.info),
        'constraints': [each.todict() for each in value.constraints],
        'results': results,
    }


def _atoms(ase: Any, parts: Parts) -> Any:
    from ase import constraints
    from ase.calculators.singlepoint import SinglePointCalculator

    arrays = dict(parts['arrays'])
    made = ase.Atoms(
        numbers=arrays.pop('numbers'),
        positions=arrays.pop('positions'),
        cell=parts['cell'],
        pbc=parts['pbc'],
        celldisp=parts['celldisp'],
        info=parts['info'],
    )
    for name, array in arrays.items():
        made.set_array(name, array)
    for each in parts['constraints']:
        if each['name'] not in constraints.__all__:
            raise ValueError(f'no constraint: {each["name"]}')
    made.constraints = [constraints.dict2constraint(each) for each in parts['constraints']]
    if parts['results'] is not None:
        made.calc = SinglePointCalculator(made, **parts['results'])
    return made


#: Those whose content is an array of numpy's.
_PLAIN_COLUMNS = ('ndarray', 'NumpyExtensionArray', 'PandasArray', 'DatetimeArray', 'TimedeltaArray')


def _is_object(values: Any) -> bool:
    return str(getattr(values, 'dtype', '')) == 'object'


def _write_column(array: Any) -> Parts:
    """Return what the array of a column or of an index consists of."""
    dtype, kind = array.dtype, type(array.dtype).__name__
    if kind == 'CategoricalDtype':
        return {'codes': array.codes, 'categories': _write_index(dtype.categories), 'ordered': bool(dtype.ordered)}
    if hasattr(array, '_mask') and hasattr(array, '_data'):
        return {'dtype': str(dtype), 'values': array._data, 'mask': array._mask}
    if kind == 'DatetimeTZDtype':
        return {'dtype': str(dtype), 'ticks': array.asi8}
    if kind == 'StringDtype':
        return {'dtype': str(dtype), 'texts': [each if isinstance(each, str) else None for each in array]}
    if type(array).__name__ not in _PLAIN_COLUMNS:
        raise NoFormError(f'a column of the type `{dtype}` does not cross: convert it with `astype`')
    values = array.to_numpy() if hasattr(array, 'to_numpy') else array
    if values.dtype.hasobject:
        return {'dtype': 'object', 'items': list(values)}
    return {'dtype': str(dtype), 'values': values, 'mask': None}


def _column(pandas: Any, parts: Parts) -> Any:
    if 'codes' in parts:
        return pandas.Categorical.from_codes(parts['codes'], _index(pandas, parts['categories']), parts['ordered'])
    dtype = parts['dtype']
    if 'items' in parts:
        values = importlib.import_module('numpy').empty(len(parts['items']), dtype=object)
        values[:] = parts['items']
        return values
    if 'ticks' in parts:
        unit, zone = dtype[len('datetime64[') : -1].split(', ')
        return pandas.DatetimeIndex(parts['ticks'].view(f'M8[{unit}]')).tz_localize('UTC').tz_convert(zone).array
    if 'texts' in parts:
        try:
            return pandas.array(parts['texts'], dtype=dtype)
        except TypeError:  # an older pandas keeps texts as objects
            return importlib.import_module('numpy').array(parts['texts'], dtype=object)
    if parts['mask'] is None:
        return parts['values']
    made = pandas.array(parts['values'], dtype=dtype)
    made[parts['mask']] = pandas.NA
    return made


def _write_index(index: Any) -> Parts:
    name = type(index).__name__
    if name == 'RangeIndex':
        return {'range': [index.start, index.stop, index.step], 'name': index.name}
    if name == 'MultiIndex':
        levels = [_write_index(level) for level in index.levels]
        return {'levels': levels, 'codes': [list(map(int, each)) for each in index.codes], 'names': list(index.names)}
    freq = getattr(index, 'freqstr', None) if name in ('DatetimeIndex', 'TimedeltaIndex') else None
    if name not in ('Index', 'DatetimeIndex', 'TimedeltaIndex', 'CategoricalIndex', *_OLD_INDICES):
        raise NoFormError(f'a `{name}` does not cross: use another index (`reset_index()`)')
    return {'values': _write_column(index.array), 'name': index.name, 'freq': freq}


_OLD_INDICES = ('Int64Index', 'UInt64Index', 'Float64Index')


def _index(pandas: Any, parts: Parts) -> Any:
    if 'range' in parts:
        return pandas.RangeIndex(*parts['range'], name=parts['name'])
    if 'levels' in parts:
        levels = [_index(pandas, level) for level in parts['levels']]
        return pandas.MultiIndex(levels, parts['codes'], names=parts['names'])
    values = _column(pandas, parts['values'])
    if parts['freq'] is not None:
        return type(pandas.Index(values))(values, freq=parts['freq'], name=parts['name'])
    is_object = _is_object(values)
    return pandas.Index(values, name=parts['name'], **({'dtype': object} if is_object else {}))


def _write_frame(value: Any) -> Parts:
    columns = [_write_column(value.iloc[:, number].array) for number in range(value.shape[1])]
    index, names = _write_index(value.index), _write_index(value.columns)
    return {'columns': columns, 'index': index, 'names': names, 'attrs': dict(value.attrs)}


def _frame(pandas: Any, parts: Parts) -> Any:
    index = _index(pandas, parts['index'])
    columns = [_series_of(pandas, each, index) for each in parts['columns']]
    made = pandas.DataFrame(dict(enumerate(columns)), index=index)
    made.columns = _index(pandas, parts['names'])
    made.attrs.update(parts['attrs'])
    return made


def _series_of(pandas: Any, parts: Parts, index: Any) -> Any:
    values = _column(pandas, parts)
    is_object = _is_object(values)
    return pandas.Series(values, index=index, **({'dtype': object} if is_object else {}))


def _write_series(value: Any) -> Parts:
    values, index = _write_column(value.array), _write_index(value.index)
    return {'values': values, 'index': index, 'name': value.name, 'attrs': dict(value.attrs)}


def _series(pandas: Any, parts: Parts) -> Any:
    made = _series_of(pandas, parts['values'], _index(pandas, parts['index']))
    made.name = parts['name']
    made.attrs.update(parts['attrs'])
    return made


def _write_timestamp(value: Any) -> Parts:
    import numpy

    zone = None if value.tzinfo is None else str(value.tz)
    return {
        'ticks': numpy.asarray(value.to_datetime64() if zone is None else value.tz_convert('UTC').to_datetime64()),
        'zone': zone,
    }


def _timestamp(pandas: Any, parts: Parts) -> Any:
    made = pandas.Timestamp(parts['ticks'][()])
    return made if parts['zone'] is None else made.tz_localize('UTC').tz_convert(parts['zone'])


def _array_of(value: Any) -> Any:
    import numpy

    return numpy.asarray(value)


# -- Python's own -----------------------------------------------------------------------------------------------------

_FACTORIES = (list, dict, set, tuple, int, float, str, bool)


def _write_defaultdict(value: Any) -> Parts:
    factory = value.default_factory
    if factory is not None and factory not in _FACTORIES:
        raise NoFormError('what makes its values is code: send `dict(...)` of it')
    return {'factory': factory and factory.__name__, 'items': dict(value)}


def _defaultdict(collections: Any, parts: Parts) -> Any:
    factories = {each.__name__: each for each in _FACTORIES}
    return collections.defaultdict(factories[parts['factory']] if parts['factory'] else None, parts['items'])


def _pairs(value: Any) -> Parts:
    return {'pairs': [list(item) for item in value.items()]}


def _counter(collections: Any, parts: Parts) -> Any:
    made = collections.Counter()
    dict.update(made, parts['pairs'])
    return made


#: Each row: the name of the form, which a message gives; the module that has the class, by its name of today and older ones;
#: what an object consists of; how it is made of that, given the module.
FORMS: dict[str, Form] = {
    'numpy.ma.MaskedArray': ('numpy', _write_masked, _masked),
    'numpy.void': (
        'numpy',
        lambda value: {'array': _array_of(value)},
        lambda numpy, parts: parts['array'][()],
    ),
    'numpy.record': (
        'numpy',
        lambda value: {'array': _array_of(value)},
        lambda numpy, parts: parts['array'].reshape(1).view(numpy.recarray)[0],
    ),
    'numpy.recarray': (
        'numpy',
        lambda value: {'array': _array_of(value)},
        lambda numpy, parts: parts['array'].view(numpy.recarray),
    ),
    'scipy.sparse': ('scipy.sparse', _write_sparse, _sparse),
    'ase.Atoms': ('ase', _write_atoms, _atoms),
    'ase.Cell': (
        'ase.cell',
        lambda value: {'array': value.array},
        lambda cell, parts: cell.Cell(parts['array']),
    ),
    'pandas.DataFrame': ('pandas', _write_frame, _frame),
    'pandas.Series': ('pandas', _write_series, _series),
    'pandas.Index': ('pandas', _write_index, _index),
    'pandas.Categorical': ('pandas', _write_column, _column),
    'pandas.Timestamp': ('pandas', _write_timestamp, _timestamp),
    'pandas.Timedelta': (
        'pandas',
        lambda value: {'ticks': _array_of(value.to_timedelta64())},
        lambda pandas, parts: pandas.Timedelta(parts['ticks'][()]),
    ),
    'pandas.NaT': ('pandas', lambda value: {}, lambda pandas, parts: pandas.NaT),
    'pandas.NA': ('pandas', lambda value: {}, lambda pandas, parts: pandas.NA),
    'collections.OrderedDict': (
        'collections',
        _pairs,
        lambda collections, parts: collections.OrderedDict(parts['pairs']),
    ),
    'collections.Counter': ('collections', _pairs, _counter),
    'collections.defaultdict': ('collections', _write_defaultdict, _defaultdict),
    'collections.deque': (
        'collections',
        lambda value: {'items': list(value), 'maxlen': value.maxlen},
        lambda collections, parts: collections.deque(parts['items'], parts['maxlen']),
    ),
    'types.SimpleNamespace': (
        'types',
        lambda value: {'fields': dict(vars(value))},
        lambda module, parts: module.SimpleNamespace(**parts['fields']),
    ),
    'uuid.UUID': ('uuid', lambda value: {'hex': value.hex}, lambda module, parts: module.UUID(parts['hex'])),
}
#: The names of classes, module and qualified name, whose form is not called so.
_CLASSES = {
    'ase.atoms.Atoms': 'ase.Atoms',
    'ase.cell.Cell': 'ase.Cell',
    'numpy.rec.recarray': 'numpy.recarray',
    'numpy.rec.record': 'numpy.record',
    'numpy.ma.core.MaskedArray': 'numpy.ma.MaskedArray',
    'pandas.core.frame.DataFrame': 'pandas.DataFrame',
    'pandas.core.series.Series': 'pandas.Series',
    'pandas.core.arrays.categorical.Categorical': 'pandas.Categorical',
    'pandas._libs.tslibs.timestamps.Timestamp': 'pandas.Timestamp',
    'pandas._libs.tslibs.timedeltas.Timedelta': 'pandas.Timedelta',
    'pandas._libs.tslibs.nattype.NaTType': 'pandas.NaT',
    'pandas.api.typing.NaTType': 'pandas.NaT',
    'pandas._libs.missing.NAType': 'pandas.NA',
    'pandas.api.typing.NAType': 'pandas.NA',
}


def _form_of(value: Any) -> str:
    """Return the name of the form of an object; empty if it has none in the table."""
    cls = type(value)
    module, name = cls.__module__, cls.__qualname__
    package = module.partition('.')[0]
    full = f'{module}.{name}'
    full = _CLASSES.get(full, full)
    if full in FORMS:
        return full
    if package == 'scipy' and '.sparse' in module and name.partition('_')[0] in (*_SPARSE, *_BY_COO):
        return 'scipy.sparse'
    if package == 'pandas' and name.endswith('Index'):
        return 'pandas.Index'
    return ''


# -- classes that the function's file has -----------------------------------------------------------------------------

#: What pydantic keeps beside the fields.
_BESIDE = ('__pydantic_fields_set__', '__pydantic_extra__', '__pydantic_private__', '__fields_set__')
_LAYOUTS = (int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, BaseException)


def members_of(cls: Any) -> dict[str, Any]:
    """Return the attributes of a class's objects that are in no ``__dict__``, by name."""
    found = {name: each for base in cls.__mro__ for name, each in vars(base).items()}
    return {name: each for name, each in found.items() if type(each) is types.MemberDescriptorType}


def _state(value: Any) -> Parts:
    if isinstance(value, _LAYOUTS):
        raise NoFormError('its class derives from one of Python, whose content is no field: send that')
    slots = [name for name in members_of(type(value)) if hasattr(value, name)]
    fields = {name: getattr(value, name) for name in slots}
    fields.update(getattr(value, '__dict__', {}))
    beside = {name: getattr(value, name) for name in _BESIDE if name in slots}
    return {'fields': {name: each for name, each in fields.items() if name not in _BESIDE}, 'beside': beside}


def _filled(cls: Any, parts: Parts) -> Any:
    made = object.__new__(cls)
    slots = members_of(cls)
    for name, value in parts['fields'].items():
        if name.startswith('__'):
            raise ValueError(f'no field: {name}')
        if name in slots:
            slots[name].__set__(made, value)
        else:
            made.__dict__[name] = value
    for name, value in parts['beside'].items():
        if name not in _BESIDE:
            raise ValueError(f'no field: {name}')
        slots[name].__set__(made, value)
    return made


def _write_member(value: Any) -> Parts:
    return {'name': value.name} if value.name in type(value).__members__ else {'value': value.value}


def _member(cls: Any, parts: Parts) -> Any:
    if 'name' in parts:
        return cls.__members__[parts['name']]
    if not issubclass(cls, enum.Flag) or type(parts['value']) is not int:
        raise ValueError('no member')
    return cls(parts['value'])  # several flags


def _write_tuple(value: Any) -> Parts:
    if getattr(value, '__dict__', None):
        raise NoFormError('it has attributes beside its fields')
    return {'items': list(value)}


def _tuple(cls: Any, parts: Parts) -> Any:
    if len(parts['items']) != len(cls._fields):
        raise ValueError('not as many items as fields')
    return tuple.__new__(cls, parts['items'])


#: Each kind: which classes are of it, what an object of one consists of, and how it is made again.
KINDS: dict[str, Kind] = {
    'enum': (lambda cls: issubclass(cls, enum.Enum), _write_member, _member),
    'namedtuple': (lambda cls: issubclass(cls, tuple) and hasattr(cls, '_fields'), _write_tuple, _tuple),
    'pydantic': (
        lambda cls: any(
            base.__name__ == 'BaseModel' and base.__module__.startswith('pydantic') for base in cls.__mro__
        ),
        _state,
        _filled,
    ),
    'attrs': (lambda cls: hasattr(cls, '__attrs_attrs__'), _state, _filled),
    'dataclass': (dataclasses.is_dataclass, _state, _filled),
}


class Own:
    """An object of a class that the file of the function has, where that file is not at hand.

    :ivar kind: a key of `KINDS`.
    :ivar name: what the file calls the class.
    :ivar parts: what the object consists of.
    """

    def __init__(self, kind: str, name: str, parts: Parts) -> None:
        self.kind, self.name, self.parts = kind, name, parts

    def __repr__(self) -> str:
        if self.kind == 'enum':
            return f'{self.name}.{self.parts.get("name", self.parts.get("value"))}'
        if self.kind == 'namedtuple':
            return f'{self.name}({", ".join(map(repr, self.parts["items"]))})'
        shown = [f'{name}={value!r}' for name, value in self.parts['fields'].items()]
        return f'{self.name}({", ".join(shown)})'

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.kind, self.name))


def _name_in(namespace: Mapping[str, Any], cls: Any) -> str:
    """Return what a file calls a class; empty if it has no name for it."""
    path: str = cls.__qualname__
    if find_class(namespace, path) is cls:
        return path
    first, _, rest = path.partition('.')
    for name, found in list(namespace.items()):
        if found is cls:
            return name
        if isinstance(found, types.ModuleType) and vars(found).get(first) is not None:
            candidate = '.'.join([name, first, *([rest] if rest else [])])
            if find_class(namespace, candidate) is cls:
                return candidate
    return ''


def find_class(namespace: Mapping[str, Any], path: str) -> Any:
    """Return what a file calls by a dotted name: itself, in a module or in a class; nothing is imported, nothing runs.

    :returns: ``None`` if there is none.
    """
    first, *rest = path.split('.')
    found = namespace.get(first)
    for part in rest:
        found = vars(found).get(part) if isinstance(found, (type, types.ModuleType)) else None
    return found


# -- both -------------------------------------------------------------------------------------------------------------


def write(value: Any, namespace: Mapping[str, Any] | None) -> tuple[dict[str, str], Parts]:
    """Return what stands for an object.

    :param value: the object.
    :param namespace: the names of the function's file, if that is at hand.
    :returns: its form, and what it consists of.
    :raises NoFormError: if it has none.
    """
    if isinstance(value, Own):
        return {'!': 'own', 'kind': value.kind, 'name': value.name}, value.parts
    form = _form_of(value)
    if form:
        return {'!': 'form', 'form': form}, FORMS[form][1](value)
    cls = type(value)
    kind = next((kind for kind, (takes, _, _) in KINDS.items() if takes(cls)), '')
    if not kind:
        raise NoFormError('')
    name = _name_in(namespace or {}, cls)
    if not name:
        raise NoFormError(
            f'the file of the function has no `{cls.__qualname__}`: define or import that class at its top level, or send what it '
            'consists of'
        )
    return {'!': 'own', 'kind': kind, 'name': name}, KINDS[kind][1](value)


def read(data: Mapping[str, Any], parts: Any, namespace: Mapping[str, Any] | None) -> Any:
    """Make an object again.

    :param data: its form.
    :param parts: what it consists of.
    :param namespace: the names of the function's file; without, an `Own` stands for objects of its classes.
    :raises ModuleNotFoundError: if its package is not installed.
    """
    if type(parts) is not dict:
        raise ValueError('no parts')
    if data['!'] == 'form':
        module, _, make = FORMS[data['form']]
        try:
            loaded = importlib.import_module(module)
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(f'{error}, which a `{data["form"]}` needs', name=error.name) from None
        return make(loaded, parts)
    kind, name = data['kind'], data['name']
    takes, _, make = KINDS[kind]
    if type(name) is not str:
        raise ValueError('no name')
    if namespace is None:
        return Own(kind, name, parts)
    cls = find_class(namespace, name)
    if not isinstance(cls, type) or not takes(cls):
        raise ValueError(
            f'the source of the function has no class `{name}`: use it in the function, or annotate a parameter with it'
        )
    return make(cls, parts)


def names_in(data: Any) -> Iterator[str]:
    """Return the names of the function's file that encoded data needs."""
    stack = [data]
    while stack:
        item = stack.pop()
        if type(item) is list:
            stack.extend(item)
        elif type(item) is dict:
            if item.get('!') == 'own':
                yield item['name'].partition('.')[0]
            stack.extend(item.values())
