"""A run as one web page that needs no server and no network: what `look` knows of it, with charts.

Draws from the model of :mod:`aiida_dreamflow.view` and must not ask the database itself.
"""

from __future__ import annotations

from .page import page

__all__ = ('page',)
