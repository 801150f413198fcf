"""numpy's masked arrays: data and mask, which may share memory with other arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ('CODECS',)


class _MaskedArrayCodec:
    runs_code = False

    def encode(self, value: Any, ref: Callable[[object], Any]) -> Any | None:
        """Return data, mask, fill value (``None`` for the usual one, which numpy sets when first asked) and hardness of the mask."""
        if type(value) is not np.ma.MaskedArray or vars(value).keys() - _KNOWN:
            return None
        masked: Any = value
        mask = None if masked.mask is np.ma.nomask else masked.mask
        return [ref(masked.data), ref(mask), ref(_own_fill_value(masked)), bool(masked.hardmask)]

    def decode(self, content: Any, get: Callable[[Any], Any]) -> object:
        """Return the array."""
        data, mask, fill_value = map(get, content[:3])
        made: Any = np.ma.MaskedArray(
            data, mask=np.ma.nomask if mask is None else mask, copy=False, hard_mask=content[3]
        )
        made._fill_value = fill_value
        return made


def _own_fill_value(value: Any) -> Any:
    found = value._fill_value
    if found is None:
        return None
    usual: Any = np.ma.MaskedArray([], dtype=value.dtype).fill_value
    return None if np.asarray(usual, value.dtype).tobytes() == found.tobytes() else found


#: What numpy itself sets; an array with more attributes is pickled.
_KNOWN = vars(np.ma.array([0], mask=[True])).keys() | {'_mask', '_fill_value'}

CODECS = {'MaskedArray': _MaskedArrayCodec()}
