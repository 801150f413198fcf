"""Lines per room: all of them, and those of code, without blank lines, comments and docstrings."""

from __future__ import annotations

import ast
import tokenize
from pathlib import Path

from measuring import ROOT, print_table

NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.ENCODING,
}


def main() -> None:
    package, rows = ROOT / 'aiida_dreamflow', []
    rooms = [('(top)', sorted(package.glob('*.py')))]
    rooms += [
        (path.name, sorted(path.rglob('*.py'))) for path in sorted(package.iterdir()) if (path / '__init__.py').exists()
    ]
    rooms += [(name, sorted((ROOT / name).rglob('*.py'))) for name in ('tests', 'examples', 'benchmarks')]
    for room, files in rooms:
        counts = {file: len(file.read_text(encoding='utf-8').splitlines()) for file in files}
        longest = max(counts, key=lambda file: counts[file])
        code = sum(map(_code_lines, files))
        rows.append((room, *map(str, (len(files), sum(counts.values()), code)), f'{longest.name} {counts[longest]}'))
    product = rows[:-3]
    rows.insert(
        len(product), ('the package', *(str(sum(int(row[column]) for row in product)) for column in (1, 2, 3)), '')
    )
    print_table('Lines per room', ('room', 'files', 'lines', 'of code', 'longest'), rows)


def _code_lines(file: Path) -> int:
    text = file.read_text(encoding='utf-8')
    try:
        tree = ast.parse(text)
        with tokenize.open(file) as stream:
            tokens = [token for token in tokenize.generate_tokens(stream.readline) if token.type not in NO_CODE]
    except (SyntaxError, tokenize.TokenError):  # of a newer Python
        return sum(map(bool, map(str.strip, text.splitlines())))
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(tree):
        body = getattr(node, 'body', None)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and body:
            first = body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                lines -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(lines)


if __name__ == '__main__':
    main()
