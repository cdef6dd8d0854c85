"""The figures as tables that a terminal and docs/benchmarks.md show alike."""

from collections.abc import Sequence

from bench.measure import EXTRA_MS, FACTOR, Line, Pace

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


def print_report(kind: str, lines: Sequence[Line], contract: Sequence[str], pace: Pace) -> None:
    """Print the figures of one kind of database; `contract` names the screens that have a bound to meet."""
    sizes = sorted(lines[0].by_size)
    print(f"\n### {NAMES[kind]}, {sizes[-1]:,} customers\n")
    print(f"Meanwhile the same loop took {pace.slowness:.2f} times as long as at its quickest.\n")
    main, more = (
        [line for line in lines if line.name in contract],
        [line for line in lines if line.name not in contract],
    )
    _print_bounds(main)
    print(f"\nThe bound is {FACTOR} times the SQL alone plus {EXTRA_MS} ms; for the form it is the baseline.\n")
    _print_baselines([line for line in main if line.baseline is not None])
    print("\nMore screens:\n")
    _print_bounds(more)
    if len(sizes) > 1:
        print("\nGrowth with the number of customers, request and SQL alone, ms:\n")
        _print_growth(lines, sizes)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of texts; all but the first column are numbers."""
    widths = [max(len(row[at]) for row in [heads, *rows]) for at in range(len(heads))]
    print(_format_row(heads, widths))
    print(f"|{'-' * (widths[0] + 2)}|{''.join('-' * (width + 1) + ':|' for width in widths[1:])}")
    for row in rows:
        print(_format_row(row, widths))


def _format_row(cells: Sequence[str], widths: Sequence[int]) -> str:
    numbers = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
    return f"| {' | '.join([cells[0].ljust(widths[0]), *numbers])} |"


def _print_bounds(lines: Sequence[Line]) -> None:
    rows = []
    for line in lines:
        measurement = line.largest
        met = "yes" if measurement.request_ms <= line.bound_ms else "NO"
        rows.append(
            (
                line.name,
                f"{measurement.request_ms:.1f}",
                str(len(measurement.statements)),
                f"{measurement.sql_ms:.2f}",
                f"{measurement.request_ms / measurement.sql_ms:.1f}",
                f"{line.bound_ms:.1f}",
                met,
            )
        )
    print_table(("screen", "request ms", "queries", "SQL ms", "ratio", "bound ms", "met"), rows)


def _print_baselines(lines: Sequence[Line]) -> None:
    rows = []
    for line in lines:
        assert line.baseline is not None
        hub, base = line.largest, line.baseline
        times = [f"{hub.request_ms:.1f}", f"{base.request_ms:.1f}", f"{hub.request_ms / base.request_ms:.2f}"]
        queries, sizes = [str(len(each.statements)) for each in (hub, base)], [hub.size // 1024, base.size // 1024]
        rows.append((line.name, *times, *queries, *map(str, sizes)))
    heads = ("screen", "hub ms", "plain Flask-Admin ms", "hub / plain", "queries", "plain", "KB", "plain")
    print_table(heads, rows)


def _print_growth(lines: Sequence[Line], sizes: Sequence[int]) -> None:
    rows = []
    for line in lines:
        figures = [line.by_size[size] for size in sizes]
        requests, sqls = [f"{each.request_ms:.1f}" for each in figures], [f"{each.sql_ms:.2f}" for each in figures]
        factor = f"{figures[-1].request_ms / figures[0].request_ms:.1f}"
        rows.append((line.name, *requests, factor, *sqls))
    request_heads, sql_heads = [f"{size:,}" for size in sizes], [f"SQL {size:,}" for size in sizes]
    print_table(("screen", *request_heads, "factor", *sql_heads), rows)
