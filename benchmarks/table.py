"""Print the benchmark table: ours, the peer, the wanted bound, and what was saved before.

``python benchmarks/table.py latest.json`` compares with ``ratios.json`` beside it; ``--save``
replaces that. A ratio that fell is reported, never an error: machines differ, and so do their
neighbours.
"""

import json
import sys
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

SAVED = Path(__file__).parent / "ratios.json"
NOTEWORTHY = 0.8


def name_of(row: dict[str, Any]) -> str:
    """How a benchmark is called in the table."""
    return str(row["extra_info"].get("name", row["name"].removeprefix("test_").replace("_", " ")))


def main(path: Path, *, save: bool) -> None:
    """Print what the benchmarks in ``path`` noted of themselves."""
    report = json.loads(path.read_text(encoding="utf-8"))
    saved = json.loads(SAVED.read_text(encoding="utf-8")) if SAVED.is_file() else {}
    cpu = report["machine_info"]["cpu"]
    machine = f"{cpu.get('brand_raw', 'unknown processor')}, {cpu.get('count')} cores"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("what", "median", "beside", "found", "wanted", "saved", "limited by"):
        table.add_column(heading, overflow="fold")
    fell = []
    for row in report["benchmarks"]:
        about = row["extra_info"]
        ratio, wanted = about.get("ratio"), about.get("target", "-")
        before = saved.get("ratios", {}).get(name_of(row))
        if ratio is not None and before is not None and ratio < NOTEWORTHY * before:
            fell.append(f"{name_of(row)}: {before} x before, {ratio} x now")
        table.add_row(
            name_of(row),
            f"{row['stats']['median']:.3g} s",
            str(about.get("peer", "-")),
            f"{ratio} x" if ratio is not None else str(about.get("value", "-")),
            f"{wanted} x" if isinstance(wanted, int | float) else str(wanted),
            "-" if before is None else f"{before} x",
            str(about.get("limit", "-")),
        )
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)
    console.print(table)
    console.print(
        f"{machine}, Python {report['machine_info']['python_version']}, {report['datetime'][:10]}"
    )
    for text in fell:
        console.print(f"slower than saved ({saved['machine']}, {saved['date']}): {text}")
    if save:
        ratios = {
            name_of(row): row["extra_info"]["ratio"]
            for row in report["benchmarks"]
            if "ratio" in row["extra_info"]
        }
        content = {"machine": machine, "date": report["datetime"][:10], "ratios": ratios}
        SAVED.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), save="--save" in sys.argv)
