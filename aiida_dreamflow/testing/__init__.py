"""For tests of workflows: run one without a profile, a daemon or a computer.

Knows compiler, runtime and values; must not import AiiDA.
"""

from .memory import run_in_memory

__all__ = ('run_in_memory',)
