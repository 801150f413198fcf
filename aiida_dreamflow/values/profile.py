"""Where this package keeps what belongs to one AiiDA profile: beside its configuration, not in its storage.

An archive carries nothing of it. AiiDA is asked when it is needed, and is not imported for it.
"""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ('profile_file',)


def profile_file(suffix: str) -> Path | None:
    """Return the path of a file of the loaded profile, which need not be there.

    :param suffix: what kind of file, such as ``.key``.
    :returns: its path; ``None`` if no profile is loaded.
    """
    if 'aiida' not in sys.modules:
        return None
    from aiida.manage.configuration import get_config
    from aiida.manage.manager import get_manager

    profile = get_manager().get_profile()
    return None if profile is None else Path(get_config().dirpath) / 'dreamflow' / f'{profile.uuid}{suffix}'
