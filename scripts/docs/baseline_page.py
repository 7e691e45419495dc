"""The committed scores of baselines on the sample track."""

from itertools import groupby

from bench.metrics.scales import direction
from bench.metrics.titles import meaning, title
from bench.spec import task as tasks
from bench.spec.expected import Expected, expectations
from scripts.docs import task_pages
from scripts.docs.words import code, page, plain, table


def scores() -> str:
    """A table for each task, best first; then the machines that they were made on."""
    known = {key: one for key, one in expectations().items() if _is_present(key[0], one)}
    machines = sorted({_machine(one) for one in known.values()})
    parts = []
    for name, found in groupby(sorted(known), key=lambda key: key[0]):
        task = tasks.load(name)
        order = sorted(found, key=lambda key: -direction(task.primary) * known[key].value)
        link = f"[{code(name)}](../{task_pages.address(task)})"
        parts.append(f"## {name}")
        parts.append(f"{link}: {title(task.primary)}, {meaning(task.primary)}.")
        heads = ["entry", code(task.primary), "95 % interval", "machine"]
        parts.append(table(heads, [_row(key[1], known[key], machines) for key in order]))
    numbered = [[str(number + 1), plain(one)] for number, one in enumerate(machines)]
    return page(*parts, "## Machines", table(["machine", "what it was"], numbered))


def _is_present(name: str, one: Expected) -> bool:
    """Whether a score is of the present meaning of a task."""
    return name in tasks.names() and tasks.load(name).digest == one.task_digest


def _row(entry: str, one: Expected, machines: list[str]) -> list[str]:
    interval = f"{one.low:.3f} to {one.high:.3f}"
    return [code(entry), f"{one.value:.3f}", interval, str(machines.index(_machine(one)) + 1)]


def _machine(one: Expected) -> str:
    made = one.arithmetic
    versions = ", ".join(f"{name} {made[name]}" for name in ("python", "torch", "timm", "numpy"))
    return f"{made['processor']}, {made['threads']} threads; {versions}"
