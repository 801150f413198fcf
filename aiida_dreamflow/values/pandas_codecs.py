"""pandas: frames and series as the arrays that they are made of, so that another version of pandas reads them.

Columns of one numpy type are one two-dimensional array. Arrays inside of a frame are copied: that a frame shares memory
with an array outside is not kept, as pandas itself writes to a copy. What is not here (arrays of
Arrow) is pickled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

__all__ = ('CODECS',)

Ref = Callable[[object], Any]
Get = Callable[[Any], Any]


def _own_array(values: Any) -> np.ndarray[Any, Any]:
    """Return values as an array that shares no memory with any other."""
    return np.array(values, order='C', copy=True)


def _write_values(values: Any, ref: Ref) -> Any:
    """Write a column: a numpy array, or an extension array."""
    return ref(_own_array(values.to_numpy()) if isinstance(values.dtype, np.dtype) else values.array.copy())


def _series(values: Any, index: Any, name: Any = None) -> Any:
    # The type is given, as otherwise pandas looks what it could make of objects.
    return pd.Series(values, index=index, dtype=values.dtype, name=name, copy=False)


class _PandasCodec:
    """Objects of one class of pandas.

    :cvar cls: the class.
    """

    cls: Any
    runs_code = False

    def encode(self, value: Any, ref: Ref) -> Any | None:
        """Return the content for an object; none for a subclass that only has the same name."""
        return self.write(value, ref) if type(value) is self.cls else None

    def write(self, value: Any, ref: Ref) -> Any | None:
        """Return the content for an object."""
        raise NotImplementedError


class _DataFrameCodec(_PandasCodec):
    cls = pd.DataFrame

    def write(self, value: Any, ref: Ref) -> Any | None:
        blocks: dict[str, list[int]] = {}
        others = []
        for place, dtype in enumerate(value.dtypes):
            if isinstance(dtype, np.dtype):
                blocks.setdefault(dtype.str, []).append(place)
            else:
                others.append([place, ref(value.iloc[:, place].array.copy())])
        return {
            'index': ref(value.index),
            'columns': ref(value.columns),
            'blocks': [
                [places, ref(_own_array(value.iloc[:, places].to_numpy().T))] for _, places in sorted(blocks.items())
            ],
            'others': others,
            'attributes': ref(value.attrs) if value.attrs else None,
            'duplicates': value.flags.allows_duplicate_labels,
        }

    def decode(self, content: Any, get: Get) -> object:
        index, columns = get(content['index']), get(content['columns'])
        found = {place: get(array) for place, array in content['others']}
        for places, block in content['blocks']:
            found.update(zip(places, get(block), strict=True))
        parts = {place: _series(found[place], index) for place in sorted(found)}
        frame = pd.DataFrame(parts, index=index, copy=False) if parts else pd.DataFrame(index=index)
        frame.columns = columns
        return _completed(frame, content, get)


class _SeriesCodec(_PandasCodec):
    cls = pd.Series

    def write(self, value: Any, ref: Ref) -> Any | None:
        return {
            'values': _write_values(value, ref),
            'index': ref(value.index),
            'name': ref(value.name),
            'attributes': ref(value.attrs) if value.attrs else None,
            'duplicates': value.flags.allows_duplicate_labels,
        }

    def decode(self, content: Any, get: Get) -> object:
        series = _series(get(content['values']), get(content['index']), get(content['name']))
        return _completed(series, content, get)


def _completed(made: Any, content: Any, get: Get) -> Any:
    if content['attributes'] is not None:
        made.attrs = get(content['attributes'])
    if not content['duplicates']:
        made.flags.allows_duplicate_labels = False
    return made


class _IndexCodec(_PandasCodec):
    cls = pd.Index

    def write(self, value: Any, ref: Ref) -> Any | None:
        return [_write_values(value, ref), ref(value.name)]

    def decode(self, content: Any, get: Get) -> object:
        values, name = map(get, content)
        return pd.Index(values, dtype=values.dtype, name=name, copy=False, tupleize_cols=False)


class _RangeIndexCodec(_PandasCodec):
    cls = pd.RangeIndex

    def write(self, value: Any, ref: Ref) -> Any | None:
        return [value.start, value.stop, value.step, ref(value.name)]

    def decode(self, content: Any, get: Get) -> object:
        return pd.RangeIndex(*content[:3], name=get(content[3]))


class _MultiIndexCodec(_PandasCodec):
    cls = pd.MultiIndex

    def write(self, value: Any, ref: Ref) -> Any | None:
        codes = [ref(_own_array(codes)) for codes in value.codes]
        return [[ref(level.copy()) for level in value.levels], codes, [ref(name) for name in value.names]]

    def decode(self, content: Any, get: Get) -> object:
        levels, codes, names = ([get(part) for part in parts] for parts in content)
        return pd.MultiIndex(levels, codes, names=names, verify_integrity=False)


def _with_zone(made: Any, zone: Any) -> Any:
    return made if zone is None else made.tz_localize('UTC').tz_convert(zone)


class _DatetimeIndexCodec(_PandasCodec):
    cls = pd.DatetimeIndex

    def write(self, value: Any, ref: Ref) -> Any | None:
        utc = _own_array(value.asi8).view(f'M8[{value.unit}]')
        return [ref(utc), ref(value.tz), value.freqstr, ref(value.name)]

    def decode(self, content: Any, get: Get) -> object:
        utc, zone, frequency, name = get(content[0]), get(content[1]), content[2], get(content[3])
        index = _with_zone(pd.DatetimeIndex(utc, name=name), zone)
        if frequency is not None:
            index.freq = frequency
        return index


class _TimedeltaIndexCodec(_PandasCodec):
    cls = pd.TimedeltaIndex

    def write(self, value: Any, ref: Ref) -> Any | None:
        return [ref(_own_array(value.asi8).view(f'm8[{value.unit}]')), value.freqstr, ref(value.name)]

    def decode(self, content: Any, get: Get) -> object:
        index = pd.TimedeltaIndex(get(content[0]), name=get(content[2]))
        if content[1] is not None:
            index.freq = content[1]
        return index


class _DateArrayCodec(_PandasCodec):
    """Arrays of dates or durations, by way of the index over them."""

    def __init__(self, cls: Any, index: Any) -> None:
        self.cls, self.index = cls, index

    def write(self, value: Any, ref: Ref) -> Any | None:
        return ref(self.index(value, copy=True))

    def decode(self, content: Any, get: Get) -> object:
        return get(content).array


class _CategoricalCodec(_PandasCodec):
    cls = pd.Categorical

    def write(self, value: Any, ref: Ref) -> Any | None:
        return [ref(_own_array(value.codes)), ref(value.categories.copy()), bool(value.ordered)]

    def decode(self, content: Any, get: Get) -> object:
        return pd.Categorical.from_codes(get(content[0]), get(content[1]), ordered=content[2])


class _CategoricalIndexCodec(_PandasCodec):
    cls = pd.CategoricalIndex

    def write(self, value: Any, ref: Ref) -> Any | None:
        return [ref(value.array.copy()), ref(value.name)]

    def decode(self, content: Any, get: Get) -> object:
        return pd.CategoricalIndex(get(content[0]), name=get(content[1]))


class _MaskedCodec(_PandasCodec):
    """Numbers and booleans that may be missing."""

    def __init__(self, cls: Any) -> None:
        self.cls = cls

    def write(self, value: Any, ref: Ref) -> Any | None:
        kind = getattr(value.dtype, 'numpy_dtype', np.dtype(bool))
        return [ref(_own_array(value.to_numpy(kind, na_value=kind.type(0)))), ref(_own_array(value.isna()))]

    def decode(self, content: Any, get: Get) -> object:
        return self.cls(get(content[0]), get(content[1]))


class _StringCodec(_PandasCodec):
    cls = pd.arrays.StringArray

    def write(self, value: Any, ref: Ref) -> Any | None:
        missing = getattr(value.dtype, 'na_value', pd.NA) is pd.NA
        return [ref([None if text is value.dtype.na_value else text for text in value]), value.dtype.storage, missing]

    def decode(self, content: Any, get: Get) -> object:
        dtype = pd.StringDtype(content[1]) if content[2] else pd.StringDtype(content[1], na_value=np.nan)
        return pd.array(get(content[0]), dtype=dtype)


class _PeriodCodec(_PandasCodec):
    cls = pd.Period

    def write(self, value: Any, ref: Ref) -> Any | None:
        return [value.ordinal, value.freqstr]

    def decode(self, content: Any, get: Get) -> object:
        return pd.Period(ordinal=content[0], freq=content[1])


class _PeriodArrayCodec(_PandasCodec):
    cls: Any = pd.arrays.PeriodArray

    def write(self, value: Any, ref: Ref) -> Any | None:
        return [ref(_own_array(value.asi8)), value.freqstr]

    def decode(self, content: Any, get: Get) -> object:
        return pd.arrays.PeriodArray(get(content[0]), dtype=pd.PeriodDtype(content[1]))


class _IntervalCodec(_PandasCodec):
    cls: Any = pd.Interval

    def write(self, value: Any, ref: Ref) -> Any | None:
        return [ref(value.left), ref(value.right), value.closed]

    def decode(self, content: Any, get: Get) -> object:
        return pd.Interval(get(content[0]), get(content[1]), content[2])


class _IntervalArrayCodec(_PandasCodec):
    cls: Any = pd.arrays.IntervalArray

    def write(self, value: Any, ref: Ref) -> Any | None:
        return [ref(value.left.copy()), ref(value.right.copy()), value.closed]

    def decode(self, content: Any, get: Get) -> object:
        return pd.arrays.IntervalArray.from_arrays(get(content[0]), get(content[1]), content[2])


class _ArrayIndexCodec(_PandasCodec):
    """An index over an array of a kind of its own."""

    def __init__(self, cls: Any) -> None:
        self.cls = cls

    def write(self, value: Any, ref: Ref) -> Any | None:
        return [ref(value.array.copy()), ref(value.name)]

    def decode(self, content: Any, get: Get) -> object:
        return self.cls(get(content[0]), name=get(content[1]))


class _SparseCodec(_PandasCodec):
    cls: Any = pd.arrays.SparseArray

    def write(self, value: Any, ref: Ref) -> Any | None:
        places = _own_array(
            value.sp_index.indices if value.kind == 'integer' else value.sp_index.to_int_index().indices
        )
        return [len(value), ref(places), ref(_own_array(value.sp_values)), ref(value.fill_value), value.kind]

    def decode(self, content: Any, get: Get) -> object:
        length, kind = content[0], content[4]
        places, values, fill_value = map(get, content[1:4])
        dense = np.full(length, fill_value, values.dtype)
        dense[places] = values
        return pd.arrays.SparseArray(dense, fill_value=fill_value, kind=kind)


class _MissingCodec:
    """The two constants that stand for what is missing."""

    runs_code = False

    def __init__(self, constant: Any) -> None:
        self.constant = constant

    def encode(self, value: object, ref: Ref) -> Any | None:
        return True if value is self.constant else None

    def decode(self, content: Any, get: Get) -> object:
        return self.constant


class _TimestampCodec(_PandasCodec):
    cls = pd.Timestamp

    def write(self, value: Any, ref: Ref) -> Any | None:
        return [
            ref(value.tz_convert('UTC').tz_localize(None).asm8 if value.tz else value.asm8),
            ref(value.tz),
            value.fold,
        ]

    def decode(self, content: Any, get: Get) -> object:
        made = _with_zone(pd.Timestamp(get(content[0])), get(content[1]))
        return made if made.fold == content[2] else made.replace(fold=content[2])


class _TimedeltaCodec(_PandasCodec):
    cls = pd.Timedelta

    def write(self, value: Any, ref: Ref) -> Any | None:
        return ref(value.asm8)

    def decode(self, content: Any, get: Get) -> object:
        return pd.Timedelta(get(content))


CODECS: dict[str, Any] = {
    **{
        codec.cls.__name__: codec()
        for codec in (
            *(_DataFrameCodec, _SeriesCodec, _CategoricalCodec, _TimestampCodec, _TimedeltaCodec, _StringCodec),
            *(_IndexCodec, _RangeIndexCodec, _MultiIndexCodec, _DatetimeIndexCodec),
            *(_TimedeltaIndexCodec, _CategoricalIndexCodec, _PeriodCodec, _PeriodArrayCodec),
            *(_IntervalCodec, _IntervalArrayCodec, _SparseCodec),
        )
    },
    **{
        cls.__name__: _MaskedCodec(cls)
        for cls in (pd.arrays.IntegerArray, pd.arrays.FloatingArray, pd.arrays.BooleanArray)
    },
    'DatetimeArray': _DateArrayCodec(pd.arrays.DatetimeArray, pd.DatetimeIndex),
    'TimedeltaArray': _DateArrayCodec(pd.arrays.TimedeltaArray, pd.TimedeltaIndex),
    'PeriodIndex': _ArrayIndexCodec(pd.PeriodIndex),
    'IntervalIndex': _ArrayIndexCodec(pd.IntervalIndex),
    'NAType': _MissingCodec(pd.NA),
    'NaTType': _MissingCodec(pd.NaT),
}
