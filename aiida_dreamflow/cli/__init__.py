"""The command ``dreamflow``. Its commands look; `fork` launches a new process. None changes a process or a file that is there."""

from __future__ import annotations

from aiida_dreamflow.cli.main import dreamflow

__all__ = ('dreamflow',)
