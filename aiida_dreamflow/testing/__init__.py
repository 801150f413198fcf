"""For tests of workflows: run one without a profile, a daemon or a computer; check the provenance of one that ran with them.

Knows compiler, runtime and values; imports AiiDA only when the provenance is checked.
"""

from .memory import run_in_memory
from .provenance import check_provenance

__all__ = ('check_provenance', 'run_in_memory')
