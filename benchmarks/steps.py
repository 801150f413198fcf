"""Milliseconds per step of a workflow function, beside a hand-written work chain and plain SQL."""

from __future__ import annotations

import argparse
import sqlite3
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measuring import (
    add_clock_option,
    interleaved,
    milliseconds,
    now,
    own_aiida,
    print_machine,
    print_table,
    ratio,
    taken_ticks,
    use_clock,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--steps', type=int, default=100, help='of each run')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--postgres', metavar='URL', help='postgresql://user:password@host:port/database, an empty one')
    add_clock_option(parser)
    options = parser.parse_args()
    use_clock(options.cpu)
    print_machine()
    with own_aiida(0, options.postgres) as folder:
        from aiida.engine import run_get_node

        import workloads

        def a_step(process: Any) -> Callable[[], float]:
            def measure() -> float:
                run_get_node(process, n=options.steps)
                ticks = taken_ticks()
                return (ticks[-1] - ticks[0]) / (len(ticks) - 1)

            return measure

        sql = {"plain SQL, the rows of 'one int changes'": lambda: _plain_sql(folder, options.steps)}
        found = interleaved(
            {
                'workflow, nothing changes': a_step(workloads.nothing_changes),
                'workflow, one int changes': a_step(workloads.one_changes),
                'workflow, two ints change': a_step(workloads.two_change),
                'work chain, ctx only (no provenance)': a_step(workloads.Loop),
                'work chain, a calcfunction a turn': a_step(workloads.CalcfunctionLoop),
                **(sql if options.postgres is None else {}),
            },
            options.rounds,
        )
        one = found['workflow, one int changes']
        print_table(
            f'A step under engine.run; {options.rounds} rounds of {options.steps} steps',
            ('', 'ms', 'range', "over 'one int changes'"),
            [(name, *milliseconds(times), ratio(times, one)) for name, times in found.items()],
        )


def _plain_sql(folder: Path, n: int) -> float:
    """Write the rows of a step of the newest `one_changes` again and again, with new keys, a commit each time."""
    (database,) = folder.glob('**/database.sqlite')
    connection = sqlite3.connect(database)
    source = connection.execute(
        "select max(id) from db_dbnode where json_extract(attributes, '$.function_name') = 'one_changes'"
        ' and id in (select input_id from db_dblink)'
    ).fetchone()[0]
    links = connection.execute(
        'select * from db_dblink where input_id = ? or output_id = ?', (source, source)
    ).fetchall()
    columns = [row[1] for row in connection.execute('pragma table_info(db_dblink)')]
    made = [link[columns.index('output_id')] for link in links if link[columns.index('input_id')] == source]
    nodes = [connection.execute('select * from db_dbnode where id = ?', (pk,)).fetchone() for pk in (source, *made)]
    fields = [row[1] for row in connection.execute('pragma table_info(db_dbnode)')]
    copy = Path(folder, 'floor.sqlite')
    copy.unlink(missing_ok=True)
    target = sqlite3.connect(copy)
    connection.backup(target)
    connection.close()
    started = now()
    for _ in range(n):
        with target:
            pks = {}
            for node in nodes:
                row = dict(zip(fields, node, strict=True)) | {'id': None, 'uuid': uuid.uuid4().hex}
                pks[node[0]] = _insert(target, 'db_dbnode', row)
            for link in links:
                row = dict(zip(columns, link, strict=True)) | {'id': None}
                row |= {end: pks.get(row[end], row[end]) for end in ('input_id', 'output_id')}
                _insert(target, 'db_dblink', row)
    taken = now() - started
    target.close()
    return taken / n


def _insert(connection: sqlite3.Connection, table: str, row: dict[str, Any]) -> int | None:
    names, marks = ', '.join(row), ', '.join('?' * len(row))
    return connection.execute(f'insert into {table} ({names}) values ({marks})', tuple(row.values())).lastrowid


if __name__ == '__main__':
    main()
