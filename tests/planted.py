"""Small distributions with plug-ins, written into a folder as an installer would."""

from collections.abc import Mapping
from pathlib import Path


def plant(
    site: Path,
    distribution: str,
    points: Mapping[str, Mapping[str, str]],
    files: Mapping[str, str],
) -> Path:
    """Write a distribution of version 1.0.

    Args:
        site: the folder of installed packages.
        distribution: its name.
        points: the value of each entry point, by group without prefix and name.
        files: what its files hold, by path.
    """
    info = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    lines = []
    for group, named in points.items():
        lines += [f"[rs_bench.{group}]", *(f"{name} = {value}" for name, value in named.items())]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    for path, content in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(content)
    return site
