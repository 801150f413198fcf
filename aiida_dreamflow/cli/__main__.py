"""``python -m aiida_dreamflow.cli`` is the command ``dreamflow``."""

from __future__ import annotations

from aiida_dreamflow.cli.main import dreamflow

dreamflow(prog_name='dreamflow')
