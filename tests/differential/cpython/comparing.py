"""What three runs of a case say about it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any

from .known import reason_for

__all__ = ('judge',)

#: Visits; each is a call of a helper.
MANY = 20_000


def judge(name: str, runs: Callable[[str], dict[str, Any]], restarted: str = 'restarted') -> dict[str, Any]:
    """Return a verdict: not applicable, identical, refused, listed, slow, or wrong.

    Listed is what is wrong and cannot be had; slow is what visits so many points that it takes too long.

    :param name: the name of the case.
    :param runs: runs the case one way and returns what was seen.
    :param restarted: the name of the way that restarts.
    """
    native = runs('natively')
    if native['outcome'] != 'passed':
        said = f'{native["outcome"]}: {native.get("type", "")} {native.get("message", "")}'
        return {'verdict': 'not applicable', 'reason': said[:300], 'points': 0}
    verdict: dict[str, Any] = {'points': native['total']}
    for way in ('straight', restarted):
        seen = runs(way)
        if seen == native:
            continue
        if seen['outcome'] == 'refused':
            reason = _general(seen['reason'])
            return {**verdict, 'verdict': 'refused', 'kind': seen['kind'], 'reason': reason, 'said': seen['message']}
        said = f'{seen["outcome"]}: {seen.get("type", "")} {seen.get("message", "")}'
        if seen['outcome'] == 'timeout' and native['total'] > MANY:
            return {**verdict, 'verdict': 'slow', 'way': way}
        known = reason_for(name)
        wrong = {'verdict': 'wrong'} if known is None else {'verdict': 'listed', 'listed': known}
        return {**verdict, **wrong, 'way': way, 'reason': said[:300], 'said': _difference(native, seen)}
    return {**verdict, 'verdict': 'identical'}


def _general(reason: str) -> str:
    """Return a reason without what it says of this one case."""
    return re.sub(r'`[^`]*`', '`...`', reason)


def _difference(native: dict[str, Any], seen: dict[str, Any]) -> str:
    said = [seen.get('traceback', '')]
    if native['printed'] != seen.get('printed'):
        printed = (native['printed'].splitlines(), seen.get('printed', '').splitlines())
        said += ['printed:', *difflib.unified_diff(*printed, 'natively', 'here', lineterm='', n=1)]
    pairs = zip(native['visits'], seen.get('visits', []), strict=False)
    place = next((i for i, (one, other) in enumerate(pairs) if one != other), None)
    if place is not None:
        said.append(f'visits from number {place} on: {native["visits"][place:][:5]} {seen["visits"][place:][:5]}')
    elif native['total'] != seen.get('total'):
        said.append(f'visits: {native["total"]} natively, {seen.get("total")} here')
    return '\n'.join(said)[-6000:]
