"""Print the benchmark table from pytest-benchmark's JSON: ours, the peer, the wanted bound."""

import json
import sys
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table


def main(path: Path) -> None:
    """Print what the benchmarks in ``path`` noted of themselves."""
    report = json.loads(path.read_text(encoding="utf-8"))
    machine = report["machine_info"]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("what", "median", "beside", "ratio or value", "wanted", "limited by"):
        table.add_column(heading, overflow="fold")
    for row in report["benchmarks"]:
        about = row["extra_info"]
        ratio = f"{about['ratio']} x" if "ratio" in about else about.get("value", "-")
        wanted = about.get("target", "-")
        table.add_row(
            about.get("name", row["name"].removeprefix("test_")),
            f"{row['stats']['median']:.3g} s",
            str(about.get("peer", "-")),
            ratio,
            f"{wanted} x" if isinstance(wanted, int | float) else str(wanted),
            str(about.get("limit", "-")),
        )
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    cpu = machine["cpu"]
    console.print(
        f"{cpu.get('brand_raw', 'unknown processor')}, {cpu.get('count')} cores, "
        f"Python {machine['python_version']}, {report['datetime'][:10]}",
        highlight=False,
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
