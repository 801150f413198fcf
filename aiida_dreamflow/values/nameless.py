"""Names for classes that are written in C and that no module has a name for, as `types` has them for others.

Frames refer to them by these names, so none may change. Knows the standard library only.
"""

from __future__ import annotations

import array
import decimal
import functools
import re
import struct
from typing import Any

array_iterator: Any = type(iter(array.array('b')))
callable_iterator: Any = type(iter(int, 0))
decimal_context_manager: Any = type(decimal.localcontext())
dict_reversed_items: Any = type(reversed({}.items()))
dict_reversed_keys: Any = type(reversed({}))
dict_reversed_values: Any = type(reversed({}.values()))
memory_iterator: Any = type(iter(memoryview(b'')))
pattern_scanner: Any = type(re.compile('').scanner(''))  # type: ignore[attr-defined]
sort_key: Any = type(functools.cmp_to_key(lambda one, other: 0))
text_iterator: Any = type(iter('é'))
unpack_iterator: Any = type(struct.iter_unpack('b', b''))


class _Sequence:
    def __getitem__(self, index: int) -> int:
        raise IndexError


sequence_iterator: Any = type(iter(_Sequence()))
