"""Recorded results that nobody measured: a database made through the store, for tests."""

import random
from pathlib import Path

from bench.results import store
from bench.results.manifest import SCHEMA
from bench.results.runs import Run
from bench.spec import task as tasks
from tests import run_json

COUNTRIES = ("Austria", "Finland", "Ireland", "Portugal", "Serbia")

# Name, score, parameters, multiply-accumulates, samples a second.
ENTRIES = (
    ("convnextv2_base", 0.7112, 87.7e6, 12.6e9, 31),
    ("resnet101", 0.7041, 42.6e6, 6.4e9, 74),
    ("resnet50", 0.7033, 23.6e6, 3.4e9, 118),
    ("vit_base_patch8_224", 0.6905, 85.9e6, 22.0e9, 19),
    ("mixer_b16_224", 0.6611, 59.2e6, 4.9e9, 88),
    ("mobilevit_s", 0.6808, 5.0e6, 0.6e9, 240),
    ("resnet18", 0.6712, 11.2e6, 0.6e9, 310),
    ("convmixer_768_32", 0.7054, 19.3e6, 8.2e9, 41),
)


def manifest(task, entry, value, **changes):
    """A complete run with a primary score; ``scores`` adds further ones."""
    more = changes.pop("scores", [])
    about = changes.pop("about", {})
    of_task = changes.pop("of_task", {})
    cost = changes.pop("cost", {})
    track = changes.get("track", "official")
    width = changes.pop("width", 0.02)
    samples = changes.pop("samples", 1000)
    mark = changes.pop("mark", f"{abs(hash_of(task, entry, track, changes.get('seed', 0))):010x}")
    primary = score(changes.pop("metric", "ap"), "macro", "", value, width, samples)
    return {
        "schema": SCHEMA,
        "run": f"{task}.{entry}.{track}.{mark}",
        "status": "complete",
        "task": {
            "name": task,
            "version": 1,
            "digest": "d" * 64,
            "kind": "multilabel",
            "primary": "ap_macro",
        }
        | of_task,
        "track": track,
        "partial": False,
        "trust": "rerun",
        "division": "closed",
        "inputs": "sentinel-2-l2a",
        "entry": {
            "name": entry,
            "digest": mark.ljust(64, "e"),
            "weights_sha256": mark.ljust(64, "f"),
            "title": f"{entry} trained from scratch",
            "model": {"architecture": f"timm:{entry.partition('-')[0]}"},
            "trained": {"seed": changes.get("seed", 0)},
        }
        | about,
        "data": {
            "samples": samples,
            "ids_sha256": "1" * 64,
            "data_sha256": "c" * 64,
            "checked": "fingerprint",
        },
        "seed": 0,
        "device": "cpu",
        "precision": "32-true",
        "harness": {"version": "0.1.0", "commit": "a" * 40, "dirty": False},
        "hardware": {"processor": "Xeon", "accelerator": None},
        "arithmetic": {"torch": "2.13.0"},
        "started": "2026-01-02T03:04:05+00:00",
        "seconds": 61.5,
        "cost": {
            "parameters": 11_200_000,
            "macs": 1_800_000_000,
            "latency_ms": 7.5,
            "samples_per_second": 155.0,
            "peak_memory": 1 << 30,
        }
        | cost,
        "scores": [primary, *more],
        "parts": {},
    } | changes


def hash_of(*parts):
    """A stable number for some words."""
    return random.Random("/".join(map(str, parts))).getrandbits(40)


def score(metric, average, label, value, width=0.02, samples=1000, part=""):
    """A score whose interval leans a little to one side."""
    return {
        "metric": metric,
        "average": average,
        "label": label,
        "value": value,
        "low": None if width is None else value - width * 0.55,
        "high": None if width is None else value + width * 0.45,
        "samples": samples,
        "slice": part,
    }


def recorded(results, *manifests):
    """Enter runs through the store."""
    made = []
    for content in manifests:
        run = Run(Path(results) / "runs" / content["run"].replace("/", "_")[:120])
        run_json.write(run, content)
        made.append(run)
    store.record(Path(results), *made)
    return results


def showcase(results):
    """A board as it could be: two tasks of the harness, both tracks, and what isn't ranked."""
    made = []
    for name in ("reben-mlc", "reben-pixel"):
        task = tasks.load(name)
        for track, shift in (("official", 0.0), ("sample", -0.2)):
            for entry, value, parameters, macs, speed in ENTRIES:
                cost = {"parameters": int(parameters), "macs": int(macs)}
                cost["samples_per_second"] = float(speed)
                metric = task.primary.partition("_")[0]
                made.append(_of(task, entry, value + shift, track=track, cost=cost, metric=metric))
            small = {"parameters": 11_170_000, "macs": 510_000_000, "samples_per_second": 330.0}
            for inputs, lower in (("sentinel-1-grd", 0.08), ("sentinel-1-grd + sentinel-2-l2a", 0)):
                made.append(
                    _of(
                        task,
                        f"resnet18-{'s1' if lower else 's1s2'}",
                        0.68 + shift - lower,
                        track=track,
                        cost=small,
                        metric=metric,
                        inputs=inputs,
                    )
                )
    task = tasks.load("reben-mlc")
    made += [
        _of(task, "resnet50", 0.7051, seed=1),
        _of(task, "resnet50", 0.7013, seed=2),
        _of(task, "resnet50", 0.9, partial=True, mark="partial", samples=64),
        _of(task, "team-prithvi", 0.708, division="open", trust="rescored"),
        _of(task, "resnet50", 0.61, of_task={"digest": "0" * 64, "version": 0}, mark="old"),
    ]
    return recorded(results, *made)


def _of(task, entry, value, metric="ap", samples=119_825, **changes):
    """A run on a task of the harness, with the scores that its kind gives."""
    chance = random.Random(f"{task.name} {entry} {changes.get('track')} {changes.get('seed')}")
    track = changes.setdefault("track", "official")
    samples = samples if track == "official" else min(samples, 400)
    width = 0.012 if samples > 1000 else 0.08
    drawn = [chance.gauss(value, 0.03) for _ in range(6)]
    scores = [
        score("ap", "micro", "", drawn[0] + 0.12, width, samples),
        score("f1", "macro", "", drawn[1] - 0.05, width, samples),
        score("f1", "micro", "", drawn[2] + 0.07, width, samples),
        *(
            score(
                metric,
                "classes",
                label,
                min(0.98, max(0.05, chance.gauss(value, 0.16))),
                width * chance.uniform(1, 9),
                samples,
            )
            for label in task.classes
        ),
        *(
            score(
                metric,
                "macro",
                "",
                value + chance.gauss(0, 0.05),
                3 * width,
                samples // len(COUNTRIES),
                f"country={country}",
            )
            for country in COUNTRIES
        ),
    ]
    # As if the first country were the worst one of every entry.
    of_group = scores[-len(COUNTRIES)]
    scores += [
        of_group | {"label": COUNTRIES[0], "slice": "country: worst"},
        score(metric, "macro", COUNTRIES[0], -0.1, width, part="country: worst less rest"),
    ]
    about = {"name": task.name, "version": task.version, "digest": task.digest}
    about |= {"kind": task.kind, "primary": task.primary} | changes.pop("of_task", {})
    made = manifest(
        task.name,
        entry,
        value,
        of_task=about,
        samples=samples,
        width=width,
        scores=scores,
        metric=metric,
        **changes,
    )
    made["data"]["ids_sha256"] = task.published(task.split).ids_sha256
    return made


def many(results, entries=100, task_count=50, scores=20):
    """As many entries on as many tasks, with so many scores of each run."""
    made = []
    for number in range(task_count):
        chance = random.Random(number)
        for index in range(entries):
            value = 0.9 - 0.4 * index / entries + chance.gauss(0, 0.01)
            further = [score("ap", "micro", "", value + 0.1, chance.uniform(0.01, 0.03))] + [
                score(
                    "ap",
                    "classes",
                    f"Class {label:02d} of the task",
                    min(0.99, max(0.01, chance.gauss(value, 0.15))),
                    chance.uniform(0.01, 0.09),
                )
                for label in range(scores - 2)
            ]
            made.append(
                manifest(
                    f"task-{number:02d}",
                    f"model-{index:03d}-of-a-team",
                    value,
                    width=chance.uniform(0.01, 0.03),
                    scores=further,
                    cost={
                        "parameters": int(10 ** chance.uniform(6, 9)),
                        "macs": int(10 ** chance.uniform(8, 11)),
                        "samples_per_second": 10 ** chance.uniform(0, 3),
                    },
                    started=f"2026-{index % 12 + 1:02d}-{number % 28 + 1:02d}T03:04:05+00:00",
                )
            )
    return recorded(results, *made)
