"""Python's names as AiiDA's link labels and ports, and back.

AiiDA's names are narrower: ``_``, ``x_``, ``_tmp``, ``a__b``, ``é`` are none. A name that AiiDA takes is left as it is.
Any other becomes ``Z0`` and its characters, where ``Z5fZ`` stands for the character U+005F (and ``Z5aZ`` for ``Z``).

Must not know what the names are names of.
"""

from __future__ import annotations

import keyword
import re

__all__ = ('port_name', 'python_name')

_PREFIX = 'Z0'
_PLAIN = re.compile(r'[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*')
_TROUBLE = re.compile(r'[^A-Za-z0-9_]|Z|(?<=_)_|^_|_$')
_ESCAPED = re.compile(r'Z([0-9a-f]+)Z')


def port_name(python_name: str) -> str:
    """Return the name of the port and the link label for a Python name.

    :param python_name: any text, usually the name of a parameter or variable.
    :returns: a name that AiiDA accepts; different for different names.
    """
    if _PLAIN.fullmatch(python_name) and not python_name.startswith(_PREFIX) and not keyword.iskeyword(python_name):
        return python_name
    return _PREFIX + _TROUBLE.sub(lambda match: f'Z{ord(match.group()):x}Z', python_name)


def python_name(port_name: str) -> str:
    """Return the Python name that a port was named after.

    :param port_name: what :func:`port_name` gave.
    :returns: the Python name.
    """
    if not port_name.startswith(_PREFIX):
        return port_name
    return _ESCAPED.sub(lambda match: chr(int(match.group(1), 16)), port_name[len(_PREFIX) :])
