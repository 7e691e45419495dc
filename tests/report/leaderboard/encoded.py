"""Recorded results of encoders under methods, which nobody measured."""

from bench.spec import task as tasks
from tests.report.leaderboard.fabricated import manifest, recorded

SHA = "ab" * 32

# Name, weights, what they learnt from.
ENCODERS = (
    ("timm:resnet18", None, []),
    ("timm:resnet18@a1_in1k", "hf:timm/resnet18.a1_in1k@0123", ["ImageNet-1k"]),
    ("torchgeo:resnet18@rgb_moco", "hf:torchgeo/resnet18@4567", ["EuroSAT/test", "SSL4EO-S12"]),
)

METHODS = ("knn", "ridge", "linear")


def declared(name, weights, learnt, bands=("R", "G", "B"), unseen=()):
    """The declaration of an encoder as a manifest holds it."""
    found = {
        "name": name,
        "architecture": name.partition("@")[0],
        "arguments": {},
        "given": "rgb",
        "input": {
            "bands": list(bands),
            "units": {"rgb": "fraction"},
            "size": 64,
            "resampling": "bicubic",
            "fit": "crop",
            "mean": [0.5] * len(bands),
            "std": [0.2] * len(bands),
            "statistics": "rsscn7/imagenet",
        },
        "normalisation": "checkpoint" if weights else "task",
        "channels": {f"channel-{band}": band for band in bands} if weights else {},
        "bands": {band: {"sensor": "rgb", "gsd": 10.0} for band in bands},
        "unseen": list(unseen),
        "pretraining": learnt,
    }
    return found | ({"weights": {"source": weights, "sha256": SHA}} if weights else {})


def adapted(task, encoder, method, value, *, labels=None, samples=266, **changes):
    """A run of an encoder under a method; ``labels`` is its part of the samples and the draw."""
    name = f"{encoder['name'].replace(':', '-').replace('@', '-')}-rgb-{method}"
    facts = {"samples": samples, "samples_sha256": f"{samples:064x}"}
    trained = {
        "seed": 0,
        "data": "d" * 64,
        "searched": [
            {"setting": f"penalty {penalty}", "validation": value - penalty / 10}
            for penalty in (0.1, 1)
        ],
    }
    if labels is not None:
        size, draw = labels
        name += f"-{size.replace('%', 'pct')}-draw{draw}"
        trained["facts"] = facts
        shots = size.endswith("-shot")
        labels = {"shots": int(size[:-5])} if shots else {"percent": size.removesuffix("%")}
        labels["draw"] = draw
    about = {"encoder": encoder, "method": method, "labels": labels, "trained": trained}
    about |= {"model": {"architecture": f"adapted:{method}"}, "title": f"{name} by a test"}
    of_task = {"primary": "accuracy_micro", "kind": "classification"}
    if task in tasks.names():
        known = tasks.load(task)
        of_task |= {"digest": known.digest, "version": known.version, "primary": known.primary}
    made = manifest(
        task,
        name,
        value,
        about=about | changes.pop("about", {}),
        of_task=of_task,
        metric="accuracy",
        track=changes.pop("track", "sample"),
        cost={"parameters": 11_200_000 + len(name), "macs": 160_000_000},
        **changes,
    )
    made["scores"][0]["average"] = "micro"
    made["data"] |= {"dataset": task.partition("-")[0], "split": "test"}
    return made


def few_labels(results, task="rsscn7", sizes=("1%", "10%", "100%"), draws=3):
    """Three encoders under ridge on several numbers of labels, and a floor."""
    made = []
    for index, known in enumerate(ENCODERS):
        for step, size in enumerate(sizes):
            for draw in range(1 if size == "100%" else draws):
                value = 0.3 + 0.15 * step + 0.04 * index + 0.01 * draw
                labels, samples = (size, draw), 3 * 10**step
                made.append(
                    adapted(task, declared(*known), "ridge", value, labels=labels, samples=samples)
                )
    floor = adapted(task, declared(*ENCODERS[0]), "ridge", 0.4)
    floor["entry"] |= {"name": "floor-statistics", "encoder": None, "method": "", "labels": None}
    floor["run"] = f"{task}.floor-statistics.sample.0f"
    return recorded(results, *made, floor)


def matrix(results, names=("rsscn7", "eurosat-rgb", "ucm")):
    """Encoders under three methods on some tasks, not all of them everywhere, and floors."""
    made = []
    for column, task in enumerate(names):
        for index, known in enumerate(ENCODERS):
            for step, method in enumerate(METHODS):
                if (column, index) == (2, 2) or (method == "linear" and index == 1):
                    continue
                value = 0.4 + 0.1 * index + 0.02 * step + 0.05 * column
                unseen = ("NIR",) if column == 1 else ()
                encoder = declared(*known, unseen=unseen)
                made.append(adapted(task, encoder, method, value))
        floor = adapted(task, declared(*ENCODERS[0]), "ridge", 0.41 + 0.05 * column)
        floor["entry"] |= {"name": "floor-statistics", "encoder": None, "method": ""}
        floor["run"] = f"{task}.floor-statistics.sample.0f"
        made.append(floor)
    return recorded(results, *made)
