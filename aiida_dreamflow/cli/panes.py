"""The parts of the full-screen view: source, children, and the texts of the others.

A pane of very many lines draws those only that are seen, and asks for the arguments and results of these alone.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.syntax import Syntax
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from aiida_dreamflow.cli.showing import COLOURS, bar, child_text
from aiida_dreamflow.cli.stacks import waited_for
from aiida_dreamflow.cli.words import clock, counted, cut

if TYPE_CHECKING:
    from aiida_dreamflow.view import Child, Children, Moment, Run, Source, Task

__all__ = ('ChildrenPane', 'SourcePane', 'head_text', 'report_text', 'tasks_text', 'variables_text')


class SourcePane(ScrollView, can_focus=True):
    """The source, with the current line and how often it waited at each.

    :param source: the source.
    """

    def __init__(self, source: Source, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._source = source
        text = Syntax('\n'.join(source.lines.values()), 'python', theme='ansi_dark').highlight(
            '\n'.join(source.lines.values())
        )
        self._lines = text.split('\n', allow_blank=True)
        self._line: int | None = None
        self._failed = False
        self._hits: Counter[int] = Counter()

    def on_mount(self) -> None:
        """Tell how large it is."""
        width = max((line.cell_len for line in self._lines), default=0) + 16
        self.virtual_size = Size(width, len(self._source.lines))

    def mark(self, line: int | None, failed: bool, hits: Counter[int]) -> None:
        """Mark the current line, and bring it into view when it has changed."""
        has_moved, self._line, self._failed, self._hits = line != self._line, line, failed, hits
        if has_moved and line is not None:
            row = line - self._source.first
            self.scroll_to_region(Region(0, max(row - 2, 0), 1, 5), animate=False)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw a line."""
        row = y + self.scroll_offset.y
        width = self.size.width
        if row >= len(self._lines):
            return Strip.blank(width)
        number = self._source.first + row
        here = number == self._line
        hits = f'{self._hits[number]:,}x' if self._hits[number] else ''
        text = Text.assemble(
            (f'{">" if here else " "}{hits:>6} ', 'bold' if here else 'dim'), (f'{number:>4} ', 'dim'), self._lines[row]
        )
        style = Style(bgcolor='dark_red' if self._failed else 'dark_blue', bold=True) if here else Style.null()
        segments = [Segment(part.text, (part.style or Style.null()) + style) for part in text.render(self.app.console)]
        return Strip(segments).extend_cell_length(width, style).crop(self.scroll_offset.x, self.scroll_offset.x + width)


class ChildrenPane(ScrollView, can_focus=True):
    """The children, a line each; those that are seen are asked for their arguments and results."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding('up', 'move(-1)', show=False),
        Binding('down', 'move(1)', show=False),
        Binding('pageup', 'page(-1)', show=False),
        Binding('pagedown', 'page(1)', show=False),
        Binding('home', 'move(-1000000000)', show=False),
        Binding('end', 'move(1000000000)', show=False),
        Binding('enter', 'choose', 'Open', show=True),
    ]

    class Chosen(Message):
        """A child was chosen."""

        def __init__(self, child: Child) -> None:
            super().__init__()
            self.child = child

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._children: Children | None = None
        self._cursor = -1
        self.only_failed = False

    def show(self, children: Children) -> None:
        """Show children; the last ones as long as the cursor is on the last."""
        before = len(self._children or ())
        shown = children.failed if self.only_failed else children
        follows = self._cursor < 0 or self._cursor >= before - 1
        self._children = shown
        self.virtual_size = Size(self.size.width, len(shown))
        self._cursor = len(shown) - 1 if follows else min(self._cursor, len(shown) - 1)
        if follows:
            self._reveal()
        self.refresh()

    def _reveal(self) -> None:
        self.scroll_to_region(Region(0, max(self._cursor, 0), 1, 1), animate=False, force=True)

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._cursor = max(0, min(self._cursor + by, len(self._children or ()) - 1))
        self._reveal()
        self.refresh()

    def action_page(self, by: int) -> None:
        """Move the cursor by a page."""
        self.action_move(by * max(self.size.height - 1, 1))

    def action_choose(self) -> None:
        """Choose the child under the cursor."""
        if self._children and 0 <= self._cursor < len(self._children):
            self.post_message(self.Chosen(self._children[self._cursor]))

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw lines, after one question for all of them."""
        if self._children:
            first = self.scroll_offset.y
            self._children[first : first + self.size.height].fetch()
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Draw a line."""
        row, width = y + self.scroll_offset.y, self.size.width
        if not self._children:
            text = ('no child has failed' if self.only_failed else 'no children yet') if y == 0 else ''
            return Strip([Segment(text.ljust(width))])
        if row >= len(self._children):
            return Strip.blank(width)
        child = self._children[row]
        style = Style(color=COLOURS.get(child.status), reverse=row == self._cursor)
        return Strip([Segment(child_text(child), style)]).adjust_cell_length(width, style)


# -- texts


def head_text(run: Run, moment: Moment, is_past: bool, width: int) -> Text:
    """Return the head: what it is, how far, and how it has failed."""
    text = Text(no_wrap=True, overflow='ellipsis')
    text.append(f'{run.name} {run.pk}  ', 'bold')
    text.append(run.status, COLOURS.get(run.status, ''))
    text.append(f'  {counted(run.duration)}, {len(run.steps):,} steps')
    if run.children:
        text.append(f', {run.children.told()}')
    if is_past:
        when = f' ({clock(moment.time)})' if moment.time is not None else ''
        text.append(f'\nas it was after step {moment.step}{when}; n: now', 'yellow')
    for loop in [loop for loop in moment.loops if loop.length is not None][:3]:
        text.append(f'\n{bar(loop, 20)}  L{loop.line} {cut(loop.text, max(width - 45, 20))}', 'cyan')
    if run.failure is not None:
        where = f' at L{run.failure.line}' if run.failure.line else ''
        text.append(f'\n{run.status}{where}: {run.failure.message}', 'red')
    return text


def variables_text(tasks: list[Task], moment: Moment) -> Text:
    """Return the variables of the calls of a task."""
    text = Text(moment.problem)
    for task in tasks:
        for call in task.calls:
            where = f'L{call.line}' if call.line else ''
            text.append(
                f'{task.name} in {call.function} {where}\n' if len(moment.tasks) > 1 or len(task.calls) > 1 else '',
                'bold',
            )
            width = max((len(variable.name) for variable in call.variables), default=0)
            for variable in call.variables:
                text.append(f'{variable.name:{width}}', 'cyan')
                text.append(f' = {variable.text}')
                note = (
                    f'{variable.shown.node_type} {variable.shown.pk}'
                    if variable.shown.pk is not None
                    else variable.kept
                )
                text.append(f'  {note}\n', 'dim')
    return text if text.plain else Text('no variable is needed later', 'dim')


def report_text(run: Run) -> Text:
    """Return the report."""
    lines = [line for entry in run.report for line in entry.text.splitlines()]
    left = run.report_size - len(run.report)
    text = Text(f'({left:,} entries before: `verdi process report {run.pk}`)\n' if left else '', 'dim')
    text.append('\n'.join(lines[-2000:]) or 'nothing was reported')
    return text


def tasks_text(moment: Moment) -> Text:
    """Return the tasks, with what each waits for."""
    text = Text()
    for task in moment.tasks[:500]:
        text.append(f'{task.name}', 'bold')
        text.append(f' waits for {waited_for(task)}\n')
        for call in task.calls:
            text.append(f'  L{call.line} in {call.function}: {call.text}\n', 'dim')
            for loop in call.loops:
                if loop.length is not None:
                    text.append(f'    {bar(loop, 20)}  L{loop.line} {loop.text}\n', 'cyan')
    if len(moment.tasks) > 500:
        text.append(f'and {len(moment.tasks) - 500:,} more tasks')
    return text if text.plain else Text('no task waits', 'dim')
