"""What the README of a trained entry says."""

from bench.spec import task as tasks
from bench.spec.entry import Entry, Federation, Trained
from bench.spec.recipe import Recipe
from bench.spec.task import Task


def card(entry: Entry, task: Task) -> str:
    """A short README for a trained entry."""
    trained = entry.trained
    assert trained is not None
    steps = trained.recipe.model_dump(exclude={"blend"})
    recipe = ", ".join(f"{name} {value}" for name, value in steps.items())
    rows = {
        "task": f"{task.name}, version {task.version}: {task.title}",
        "architecture": f"`{entry.model.architecture}`",
        "bands": " ".join(entry.input.bands),
        "size": f"{entry.input.size} px, {entry.input.resampling}",
        "track": trained.track,
        "seed": trained.seed,
        "recipe": recipe,
        "epochs run": trained.epochs_run,
        "samples seen": f"{trained.samples_seen:,} in {trained.steps:,} steps",
        "training time": f"{trained.seconds:.0f} s",
        **{name.replace("_", " "): fact for name, fact in trained.facts.items()},
        **_chosen(trained, task),
        "made with": trained.harness,
    }
    lines = [f"| {name} | {value} |" for name, value in rows.items()]
    if isinstance(trained.recipe, Recipe) and trained.recipe.blend:
        control = tasks.load(trained.recipe.blend.control)
        lines += ["", f"| alpha | {task.name} | {control.name} |", "|---|---|---|"]
        lines += [
            f"| {one.alpha:g}{' (chosen)' * (one.alpha == trained.alpha)} | {task.primary} "
            f"{one.target:.4f} | {control.primary} {one.control:.4f} |"
            for one in trained.tried
        ]
    if trained.federation is not None:
        lines += ["", *_federation(trained.federation)]
    head = f"# {entry.title or entry.name}\n\n{entry.note}".rstrip()
    return "\n".join([head, "", "| | |", "|---|---|", *lines, ""])


def _chosen(trained: Trained, task: Task) -> dict[str, str]:
    """What the kept epoch scored on the validation split, if epochs were chosen from."""
    if trained.validation is None or not isinstance(trained.recipe, Recipe):
        return {}
    name = task.primary if trained.recipe.select == "primary" else "loss"
    return {f"{name} on the validation split": f"{trained.validation:.4f}"}


def _federation(federation: Federation) -> list[str]:
    """Clients and rounds of a federation as the lines of two tables in Markdown."""
    lists = any(held.left_out for held in federation.clients.values())
    lines = [f"| client | samples | classes |{' in its list only |' * lists}"]
    lines += ["|---|---|---|" + "---|" * lists]
    lines += [
        f"| {name} | {held.samples} | {held.classes}{' (one only)' * (held.classes == 1)} |"
        + f" {held.left_out} |" * lists
        for name, held in federation.clients.items()
    ]
    heads = ("round", "clients", "loss", "seconds", "GMAC", "MB down", "MB up", "left out")
    lines += ["", f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for number, one in enumerate(federation.rounds, 1):
        left_out = "; ".join(f"{name}: {why}" for name, why in one.left_out.items())
        cells = (
            f"{number}",
            f"{one.clients}",
            f"{one.loss:.4f}",
            f"{one.seconds:.1f}",
            f"{one.macs / 1e9:.1f}",
            f"{one.bytes_down / 1e6:.1f}",
            f"{one.bytes_up / 1e6:.1f}",
            left_out.replace("|", "/"),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines
