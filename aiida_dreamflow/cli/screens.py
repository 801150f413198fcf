"""The full-screen view of ``dreamflow watch``: the application and its screens, in Textual.

Draws from the model that `look` gives, and asks it again once in a while. What changes a run (pause, play, kill, fork) is done by the
ordinary commands, in a process of their own: the screen goes on meanwhile, and can break nothing.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual import work
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen, Screen
from textual.widgets import DataTable, Footer, Static, TabbedContent, TabPane

from aiida_dreamflow.cli.panes import ChildrenPane, SourcePane, head_text, report_text, tasks_text, variables_text
from aiida_dreamflow.cli.showing import child_text, children_text
from aiida_dreamflow.cli.words import clock, counted, cut
from aiida_dreamflow.exceptions import DreamflowError
from aiida_dreamflow.view import Child, Moment, look, runs

if TYPE_CHECKING:
    from aiida_dreamflow.view import Run

__all__ = ('WatchApp',)

_SMALL = (40, 12)


class WatchApp(App[str]):
    """Watches a run, or lets choose one; gives the status of the run when it is left.

    :param node: its node; ``None`` for the list.
    :param interval: seconds between two looks.
    :param until_end: whether to leave when the run has ended.
    :param timeout: leave after so many seconds.
    """

    TITLE = 'dreamflow'
    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #head { height: auto; max-height: 7; padding: 0 1; }
    #top { height: 1fr; }
    #source { width: 1fr; }
    #side { width: 45%; display: none; border-left: solid $primary; padding: 0 1; }
    .wide #side { display: block; }
    TabbedContent { height: 1fr; }
    TabPane { padding: 0 1; }
    ChildrenPane, VerticalScroll { height: 1fr; }
    #ask { width: auto; max-width: 70; height: auto; border: thick $warning; padding: 1 2; background: $surface; }
    ModalScreen { align: center middle; }
    #note { height: auto; color: $warning; padding: 0 1; }
    DataTable { height: 1fr; }
    """

    def __init__(self, node: Any, interval: float, *, until_end: bool = False, timeout: float | None = None) -> None:
        super().__init__()
        self._node, self.interval, self._until_end, self._timeout = node, interval, until_end, timeout

    def on_mount(self) -> None:
        """Show the first screen."""
        self.push_screen(ListScreen() if self._node is None else RunScreen(self._node))
        if self._timeout is not None:
            self.set_timer(self._timeout, self.exit)

    def note_end(self, status: str) -> None:
        """Leave when the run has ended, if this is wanted."""
        if self._until_end:
            self.exit(status)

    async def action_quit(self) -> None:
        """Leave; say how the run is."""
        screen = self.screen
        self.exit(screen.model.status if isinstance(screen, RunScreen) else None)


class ListScreen(Screen[None]):
    """The last runs; one can be chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding('enter', 'choose', 'Watch', priority=True),
        Binding('q', 'app.quit', 'Quit'),
    ]

    def compose(self) -> ComposeResult:
        """Make its parts."""
        yield DataTable(cursor_type='row', zebra_stripes=True)
        yield Footer()

    def on_mount(self) -> None:
        """Fill the table, and again and again."""
        self.query_one(DataTable).add_columns(
            'PK', 'workflow', 'status', 'time', 'loops', 'children', 'where, and the last line'
        )
        self.fill()
        self.set_interval(getattr(self.app, 'interval', 1.0) * 2, self.fill)

    def fill(self) -> None:
        """Read the runs."""
        table: DataTable[Any] = self.query_one(DataTable)
        row = table.cursor_row
        table.clear()
        for run in runs(100):
            loops = ', '.join(f'{position:,} of {length:,}' for position, length in run.loops)
            where = cut(' | '.join(filter(None, (run.place, run.last))), 100)
            cells = (str(run.pk), run.name, run.status, counted(run.duration), loops, children_text(run.counts), where)
            table.add_row(*(Text(cell) for cell in cells), key=str(run.pk))
        table.move_cursor(row=row)

    def action_choose(self) -> None:
        """Watch the run under the cursor."""
        from aiida import orm

        table: DataTable[Any] = self.query_one(DataTable)
        if table.row_count:
            key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
            self.app.push_screen(RunScreen(orm.load_node(int(str(key)))))


class RunScreen(Screen[None]):
    """One run.

    :param node: its node.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding('left', 'step(-1)', 'Time', key_display='←→', priority=True),
        Binding('right', 'step(1)', 'Forth', show=False, priority=True),
        Binding('n', 'now', 'Now'),
        Binding('t', 'task', 'Task'),
        Binding('f', 'filter', 'Failed'),
        Binding('1', "tab('children')", 'Children', show=False),
        Binding('2', "tab('variables')", 'Variables', show=False),
        Binding('3', "tab('report')", 'Report', show=False),
        Binding('4', "tab('tasks')", 'Tasks', show=False),
        Binding('p', "order('pause')", 'Pause'),
        Binding('r', "order('play')", 'Play'),
        Binding('k', "order('kill')", 'Kill'),
        Binding('o', "order('fork')", 'Fork'),
        Binding('l', 'list', 'List'),
        Binding('q', 'app.quit', 'Quit'),
    ]

    def __init__(self, node: Any) -> None:
        super().__init__()
        self.model: Run = look(node)
        self.moment: Moment | None = None
        self.number = 0

    def compose(self) -> ComposeResult:
        """Make its parts."""
        yield Static(id='head')
        with Horizontal(id='top'):
            yield SourcePane(self.model.source, id='source')
            with VerticalScroll(id='side'):
                yield Static(id='side_variables')
        with TabbedContent(id='tabs'):
            with TabPane('Children', id='children'):
                yield ChildrenPane(id='table')
            with TabPane('Variables', id='variables'), VerticalScroll():
                yield Static(id='variables_text')
            with TabPane('Report', id='report'), VerticalScroll(id='report_scroll'):
                yield Static(id='report_text')
            with TabPane('Tasks', id='tasks'), VerticalScroll():
                yield Static(id='tasks_text')
        yield Static(id='note')
        yield Footer()

    def on_mount(self) -> None:
        """Draw, and look again and again."""
        self.query_one('#note').display = False
        self.draw()
        self.query_one(ChildrenPane).focus()
        self.set_interval(getattr(self.app, 'interval', 1.0), self.look_again)

    def on_resize(self) -> None:
        """Use the width there is."""
        self.set_class(self.size.width >= 130, 'wide')
        small = self.size.width < _SMALL[0] or self.size.height < _SMALL[1]
        self.query_one('#top').display = self.query_one('#tabs').display = not small

    def look_again(self) -> None:
        """Read what is new."""
        if self.model.ended is None:
            try:
                self.model = self.model.again()
            except Exception as error:  # the database is busy, or restarted: the next look may be luckier
                self.note(f'{type(error).__name__}: {error}')
                return
            self.draw()
        if self.model.ended is not None and isinstance(self.app, WatchApp):
            self.app.note_end(self.model.status)

    @property
    def shown(self) -> Moment:
        """The moment that is shown."""
        return self.model.now if self.moment is None else self.moment

    def draw(self) -> None:
        """Draw everything anew."""
        run, moment = self.model, self.shown
        tasks = [task for task in moment.tasks if task.number == self.number] or moment.tasks[:1]
        self.query_one('#head', Static).update(head_text(run, moment, self.moment is not None, self.size.width))
        line = (
            tasks[0].line
            if tasks and (run.ended is None or self.moment is not None)
            else run.failure.line
            if run.failure
            else None
        )
        self.query_one(SourcePane).mark(
            line, failed=run.failure is not None and self.moment is None, hits=run.source.hits
        )
        self.query_one(ChildrenPane).show(run.children)
        variables = variables_text(tasks, moment)
        for name in ('variables_text', 'side_variables'):
            self.query_one(f'#{name}', Static).update(variables)
        self.query_one('#report_text', Static).update(report_text(run))
        self.query_one('#tasks_text', Static).update(tasks_text(moment))

    # -- moving

    def action_step(self, by: int) -> None:
        """Show the run as it was a step before or after."""
        numbers = [step.number for step in self.model.steps]
        here = self.shown.step
        index = (numbers.index(here) if here in numbers else len(numbers)) + by
        if 0 <= index < len(numbers):
            try:
                self.moment = self.model.at(numbers[index])
            except DreamflowError as error:
                self.note(str(error))
        elif index >= len(numbers):
            self.moment = None
        self.draw()

    def action_now(self) -> None:
        """Show the run as it is now."""
        self.moment = None
        self.draw()

    def action_task(self) -> None:
        """Show the next task."""
        numbers = [task.number for task in self.shown.tasks]
        if numbers:
            self.number = (
                numbers[(numbers.index(self.number) + 1) % len(numbers)] if self.number in numbers else numbers[0]
            )
            self.draw()

    def action_filter(self) -> None:
        """Show the children that failed, or all."""
        pane = self.query_one(ChildrenPane)
        pane.only_failed = not pane.only_failed
        pane.show(self.model.children)

    def action_tab(self, name: str) -> None:
        """Show a tab."""
        self.query_one(TabbedContent).active = name
        if name == 'report':
            self.query_one('#report_scroll', VerticalScroll).scroll_end(animate=False)

    def action_list(self) -> None:
        """Show the list of runs."""
        self.app.push_screen(ListScreen())

    def on_children_pane_chosen(self, event: ChildrenPane.Chosen) -> None:
        """Open a child."""
        self.app.push_screen(ChildScreen(event.child))

    # -- orders

    def note(self, text: str) -> None:
        """Say something below."""
        note = self.query_one('#note', Static)
        note.update(Text(text.strip() or 'done'))
        note.display = True

    def action_order(self, what: str) -> None:
        """Ask, and then pause, play, kill or fork."""
        run = self.model
        if what == 'fork':
            step = ['--step', str(self.moment.step)] if self.moment is not None else []
            command = [sys.executable, '-m', 'aiida_dreamflow.cli', 'fork', '--yes', str(run.pk), *step]
            question = f'Begin a new run from step {self.shown.step} of {run.name} {run.pk}?'
        else:
            if run.ended is not None:
                self.note(f'{run.name} {run.pk} has ended: there is nothing to {what}')
                return
            verdi = [str(Path(sys.executable).with_name('verdi')), 'process', what]
            own = [sys.executable, '-m', 'aiida_dreamflow.cli', 'kill']
            command = [*(own if what == 'kill' else verdi), str(run.pk)]
            question = f'{what.capitalize()} {run.name} {run.pk}?'

        def decided(yes: bool | None) -> None:
            if yes:
                self.carry_out(command)

        self.app.push_screen(Ask(question), decided)

    @work
    async def carry_out(self, command: list[str]) -> None:
        """Run a command, and say what it says."""
        self.note('...')
        self.note(await _output_of(command))


async def _output_of(command: list[str]) -> str:
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
    except OSError as error:
        return f'{command[0]}: {error.strerror}'
    output, _ = await process.communicate()
    return output.decode('utf-8', 'replace')[-_SHOWN:]


#: So many characters of an output are shown.
_SHOWN = 100_000


class Ask(ModalScreen[bool]):
    """Asks a question; ``y`` is yes, everything else no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ('y', 'answer(True)', 'Yes'),
        ('n', 'answer(False)', 'No'),
        ('escape', 'answer(False)', 'No'),
    ]

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    def compose(self) -> ComposeResult:
        """Make its parts."""
        yield Static(Text(f'{self._question}\n\ny  yes     n  no'), id='ask')

    def action_answer(self, yes: bool) -> None:
        """Give the answer."""
        self.dismiss(yes)


class ChildScreen(Screen[None]):
    """A child: arguments, results, what it has written.

    :param child: the child.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding('escape', 'app.pop_screen', 'Back'),
        Binding('e', "read('stderr')", 'stderr'),
        Binding('o', "read('stdout')", 'stdout'),
        Binding('q', 'app.pop_screen', 'Back', show=False),
    ]

    def __init__(self, child: Child) -> None:
        super().__init__()
        self._child = child

    def compose(self) -> ComposeResult:
        """Make its parts."""
        with VerticalScroll(), Vertical():
            yield Static(id='about')
            yield Static(id='output')
        yield Footer()

    def on_mount(self) -> None:
        """Fill it."""
        child = self._child
        lines = [
            child_text(child).strip(),
            f'launched {clock(child.started)}, took {counted(child.duration)}'
            + (f', job {child.job_id} on {child.computer}' if child.computer else ''),
        ]
        for title, values in (('arguments', child.arguments), ('results', child.results)):
            lines.append(f'{title}:')
            lines += [f'  {name} = {value.text}   ({value.node_type} {value.pk})' for name, value in values.items()]
        if child.error:
            lines.append(f'error: {child.error}')
        self.query_one('#about', Static).update(Text('\n'.join(lines) + '\n'))
        if child.kind == 'job':
            self.read('stdout')

    def action_read(self, name: str) -> None:
        """Read another file."""
        self.read(name)

    @work(exclusive=True)
    async def read(self, name: str) -> None:
        """Read what the job has written: from its node if it has ended, else from its computer."""
        output = self.query_one('#output', Static)
        output.update(f'{name}: ...')
        how = 'outputcat' if self._child.ended is not None else 'remotecat'
        verdi = str(Path(sys.executable).with_name('verdi'))
        found = await _output_of([verdi, 'calcjob', how, str(self._child.pk), name])
        output.update(Text(f'{name}:\n{found}'))
