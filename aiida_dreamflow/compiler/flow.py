"""Pass: tidy the control-flow graph: jumps to jumps shortened, chains joined, what cannot be reached dropped."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .program import Block, Jump, Leave, Program
from .trees import NESTED_SCOPES, STATEMENT_LISTS

__all__ = ('simplify',)


def simplify(program: Program) -> None:
    """Tidy a program's blocks and number them in the order of the source."""
    for block in program.blocks:
        _collect_leaves(block.body, block.leaves)
    _shorten(program)
    _drop_unreachable(program)
    _join_chains(program)
    _drop_unreachable(program)
    for index, block in enumerate(program.blocks):
        block.index = index


def _collect_leaves(body: list[Any], found: list[Leave]) -> None:
    for statement in body:
        if isinstance(statement, Leave):
            found.append(statement)
        elif not isinstance(statement, NESTED_SCOPES):
            for name in STATEMENT_LISTS:
                if inner := vars(statement).get(name):
                    _collect_leaves(inner, found)


def _shorten(program: Program) -> None:
    """Let jumps to a block that only jumps on go where it goes."""
    for block in program.blocks:
        for exit in block.exits:
            seen: set[Block] = set()
            while (
                isinstance(exit, Jump)
                and not exit.handling
                and exit.target not in seen
                and (jump := _only_jump(exit.target))
            ):
                seen.add(exit.target)
                kept = exit.target.depth if exit.keep is None else exit.keep
                exit.target, exit.keep = jump.target, min(kept, exit.target.depth, jump.target.depth)


def _only_jump(block: Block) -> Jump | None:
    """Return the jump that a block consists of, unless more comes with it: handling deeper, or new cells."""
    if len(block.body) == 1 and isinstance(block.body[0], Leave):
        exit = block.body[0].exit
        if isinstance(exit, Jump) and exit.target.depth <= block.depth and exit.keep is None and exit.only_jumps:
            return exit
    return None


def _drop_unreachable(program: Program) -> None:
    reached: set[Block] = set()
    waiting = program.blocks[:1]
    while waiting:
        block = waiting.pop()
        if block not in reached:
            reached.add(block)
            waiting.extend(block.targets())
            if block.handler is not None:
                waiting.append(block.handler)
    program.blocks = [block for block in program.blocks if block in reached]


def _join_chains(program: Program) -> None:
    """Join a block that ends in a jump with its target, if nothing else leads there."""
    entries = Counter(target for block in program.blocks for target in block.targets())
    entries.update(block.handler for block in program.blocks if block.handler is not None)
    entries[program.blocks[0]] += 1
    joined: set[Block] = set()
    for block in program.blocks:
        while block not in joined and isinstance(last := block.body[-1], Leave) and isinstance(last.exit, Jump):
            target = last.exit.target
            same = (target.depth, target.handler) == (block.depth, block.handler)
            if entries[target] != 1 or not same or target is block or not last.exit.only_jumps:
                break
            block.body[-1:] = target.body
            block.leaves[-1:] = target.leaves
            joined.add(target)
    program.blocks = [block for block in program.blocks if block not in joined]
