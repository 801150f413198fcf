"""Pass: tidy the control-flow graph: jumps to jumps shortened, chains joined, what cannot be reached dropped."""

from __future__ import annotations

import ast
from collections import Counter

from .program import Block, Jump, Leave, Program

__all__ = ('leaves', 'simplify')


def leaves(block: Block) -> list[Leave]:
    """Return the statements that leave a block, in order."""
    return [node for statement in block.body for node in ast.walk(statement) if isinstance(node, Leave)]


def simplify(program: Program) -> None:
    """Tidy a program's blocks and number them in the order of the source."""
    _collect_exits(program)
    _shorten(program)
    _drop_unreachable(program)
    _join_chains(program)
    _drop_unreachable(program)
    for index, block in enumerate(program.blocks):
        block.index = index


def _collect_exits(program: Program) -> None:
    for block in program.blocks:
        block.exits = [leave.exit for leave in leaves(block)]


def _shorten(program: Program) -> None:
    """Let jumps to a block that only jumps on go where it goes."""
    for block in program.blocks:
        for exit in block.exits:
            seen: set[Block] = set()
            while isinstance(exit, Jump) and exit.target not in seen and (jump := _only_jump(exit.target)):
                seen.add(exit.target)
                exit.target, exit.keep = jump.target, _least(exit.keep, jump.keep)


def _least(first: int | None, second: int | None) -> int | None:
    return first if second is None else second if first is None else min(first, second)


def _only_jump(block: Block) -> Jump | None:
    """Return the jump that a block consists of, unless it changes what is being handled by going deeper."""
    if len(block.body) == 1 and isinstance(block.body[0], Leave):
        exit = block.body[0].exit
        if isinstance(exit, Jump) and exit.target.depth <= block.depth:
            keep = block.depth if exit.keep is None else min(exit.keep, block.depth)
            return Jump(exit.target, keep)
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
            if entries[target] != 1 or not same or target is block:
                break
            block.body[-1:] = target.body
            block.exits[-1:] = target.exits
            joined.add(target)
    program.blocks = [block for block in program.blocks if block not in joined]
