"""Writes ``docs/messages.md``: what users are told, with the code that provokes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .table import CHAPTERS, HEADER

PAGE = Path(__file__).parents[2] / 'docs' / 'messages.md'

_ABOVE = """\
# Mistakes, and what you are told

<!-- Written by `python -m tests.messages` from `tests/messages/table.py`: edit that. -->

All mistakes that are foreseen, each with the code that makes it and the line that you see; search this page for yours. `PK` stands for
a number. A traceback has your lines, and those of the libraries that they call. `DREAMFLOW_TRACEBACK=full` in the environment
shows AiiDA's lines and those of this package, too (for a daemon, set it where you start that).

What a function body may say is checked when it is decorated: see [the language](language.md). What can be stored is told in
[values](values.md).

The code below has this above it:

"""


def page() -> Iterator[str]:
    """The lines of the page."""
    yield _ABOVE
    yield f'```python\n{HEADER}```\n'
    for chapter in CHAPTERS:
        yield f'\n## {chapter.title}\n\n{chapter.text}\n'
        is_typed = chapter.where in ('command', 'empty')
        language = 'console' if is_typed else 'python'
        for case in chapter.cases:
            code = f'$ {case.code}' if is_typed else case.code
            yield f'\n```{language}\n{code}\n```\n```text\n{case.message or "(nothing: that is no failure)"}\n```\n'


if __name__ == '__main__':
    PAGE.write_text(''.join(page()), encoding='utf-8')
