"""The exceptions that aiida-dreamflow raises, all of them, drawn once.

    DreamflowError
    ├── CompileError(SyntaxError)        a workflow function that cannot be compiled, refused at decoration
    ├── CannotStoreError(TypeError)      a value that has no stored form
    ├── UntrustedValueError              a stored value that this profile did not write and that would run code
    ├── WorkflowUsageError(RuntimeError) submit, gather, ... used where they cannot work
    ├── FrameError                       a stored frame that does not fit the code it should resume
    ├── ForkError                        a run from which no other can begin as asked
    ├── LaunchError(ValueError)          a child that cannot be launched: computer, code or inputs are wrong
    └── ChildFailedError                 a child process that ended, but not well; carries its node

    RemoteTraceback                      the text of a traceback from another machine, used as ``__cause__``
    StepInterrupted(KeyboardInterrupt)   what ends the user's code in a step that is too long, of a process that is to be killed

This module is below every room: it must not import anything of the project, nor AiiDA.
"""

from __future__ import annotations

from typing import Any

__all__ = (
    'CannotStoreError',
    'ChildFailedError',
    'CompileError',
    'DreamflowError',
    'ForkError',
    'FrameError',
    'LaunchError',
    'RemoteTraceback',
    'StepInterrupted',
    'UntrustedValueError',
    'WorkflowUsageError',
)


class DreamflowError(Exception):
    """Base of everything that aiida-dreamflow itself raises."""


class CompileError(DreamflowError, SyntaxError):
    """A workflow function says something that is refused; has file, line and column like any ``SyntaxError``."""


class CannotStoreError(DreamflowError, TypeError):
    """A value has no stored form.

    :ivar value_type: the name of the type of the object that could not be stored.
    :ivar path: how to reach that object from the value that was to be stored, such as ``[3].left``; empty for itself.
    :ivar reason: why not, in one sentence without the path.
    :ivar is_outside: whether the object stands for something outside of Python, or is bound to this process: then it cannot be made
        again, and the reason says what to do.
    :ivar by_choice: whether it could be stored, but the user said that it must not: then no recipe takes its place.
    """

    def __init__(
        self, value_type: str, path: str, reason: str, by_choice: bool = False, is_outside: bool = False
    ) -> None:
        self.is_outside = is_outside
        self.by_choice = by_choice
        self.value_type = value_type
        self.path = path
        self.reason = reason
        where = f' at `{path}`' if path else ''
        super().__init__(f'cannot store an object of type `{value_type}`{where}: {reason}')


class UntrustedValueError(DreamflowError):
    """A stored value would run code when loaded and does not carry the signature of this profile."""


class WorkflowUsageError(DreamflowError, RuntimeError):
    """A function of this package was used where it cannot work; the message says what to write instead."""


class FrameError(DreamflowError):
    """A stored frame does not fit the program that should resume from it."""


class ForkError(DreamflowError):
    """No new run can begin where it was asked to."""


class LaunchError(DreamflowError, ValueError):
    """A child cannot be launched: its computer, code or inputs do not exist or do not fit."""


class ChildFailedError(DreamflowError):
    """A child process ended without success.

    :ivar node: the child's process node (``None`` in a run without a profile).
    :ivar exit_status: the child's exit status, ``None`` when it was killed or excepted.
    :ivar exit_message: the child's exit message.
    """

    def __init__(
        self, message: str, *, node: Any = None, exit_status: int | None = None, exit_message: str = ''
    ) -> None:
        super().__init__(message)
        self.node = node
        self.exit_status = exit_status
        self.exit_message = exit_message


class RemoteTraceback(Exception):
    """The text of a traceback from another process or machine; the ``__cause__`` of the exception it belongs to."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        return '\n' + self.text


class StepInterrupted(KeyboardInterrupt):
    """Appears in the user's code, as Ctrl-C would: its process is to be killed, and its step does not end by itself."""
