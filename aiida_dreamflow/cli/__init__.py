"""The command ``dreamflow``. It only looks: no command here changes a process or a file."""

from __future__ import annotations

from aiida_dreamflow.cli.main import dreamflow

__all__ = ('dreamflow',)
