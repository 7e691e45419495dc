"""The page: one HTML file that asks for nothing, made from the database and pictures of runs."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from bench.base.errors import BenchError, RequestError
from bench.base.files import write_bytes
from bench.metrics.scales import known
from bench.metrics.titles import meaning, title, unit
from bench.report.folds import groups, summaries
from bench.report.leaderboard.across import across
from bench.report.leaderboard.boards import UNVERIFIED, Board, boards
from bench.report.leaderboard.catalogue import described
from bench.report.leaderboard.citations import bibtex
from bench.report.leaderboard.encoders import Encoders
from bench.report.leaderboard.expectations import SOURCE, expectations
from bench.report.leaderboard.images import embedded
from bench.report.leaderboard.observed import observed
from bench.report.leaderboard.pack import SHEET, compressed, packed
from bench.report.leaderboard.read import Result, read
from bench.report.leaderboard.reported import published, published_alone, related
from bench.report.leaderboard.text import NAME, link, shown
from bench.report.leaderboard.thumbnails import of_datasets, thumbnails
from bench.report.leaderboard.words import Words
from bench.spec import task as tasks
from bench.spec.task import Task

_HERE = Path(__file__).parent
PAGE = 1_120_000
"""The size a page stays below, in bytes, as long as primary scores alone fit into it."""

_ROW, _SCORE = 60, 6
"""Bytes of a row and of a score once they are compressed, where nothing repeats itself."""

_PICTURES = 400_000
"""Most bytes of the pictures of cards."""

_STRIPS = 350_000
"""Most bytes of the pictures of runs, beyond `PAGE`."""

_DATA = '<script type="text/plain" id="data">'

_STYLES = ("style", "board", "gallery", "across")

_SCRIPTS = (
    "data",
    "state",
    "parts",
    "charts",
    "details",
    "run",
    "compare",
    "labels",
    "more_curves",
    "published",
    "board",
    "gallery",
    "across",
    "download",
    "task",
    "overview",
    "encoders",
    "start",
)


def render(results: Path) -> str:
    """The leaderboard of a results folder as one HTML document.

    The same rows in the database and the pictures they note give the same text.

    Raises:
        BenchError: there is no database, or it can't be read.
    """
    found, reported = read(results)
    declared = _declared(found)
    all_boards = boards(found)
    words = Words()
    encoders = Encoders(words)
    names = sorted({board.task for board in all_boards} | set(declared))
    shown_tasks = [_task(name, declared.get(name), all_boards) for name in names]
    current = [board for board in all_boards if _current(board, declared, all_boards)]
    folds = {name: first for first, named in groups().items() for name in named if name != first}
    frame = _frame(
        tasks=shown_tasks,
        figures=_figures(found, [one for one in shown_tasks if one["name"] not in folds], reported),
        expectations=expectations(found, current, len(reported)),
        expected_by=SOURCE,
    )
    room = _most(frame, all_boards)
    drawn = embedded(results, all_boards, _STRIPS)
    pictures_of = thumbnails(results, current, min(_PICTURES, room * _SCORE // 4))
    bare = {task.dataset for name, task in declared.items() if name not in pictures_of}
    samples = of_datasets(bare, min(_PICTURES, room * _SCORE // 2))
    small = (*pictures_of.values(), *samples.values())
    spent = sum(len(picture["image"]) for picture in small)
    columns_of = packed(all_boards, words, encoders, room - spent // _SCORE)
    unrun = published_alone(all_boards, reported, declared)
    shared = {track: _comparable(all_boards, track, declared) for track in ("official", "sample")}
    content = {
        "tasks": [
            {
                "name": words(name),
                "title": words(about["title"], 160),
                "kind": words(about["kind"]),
                "primary": words(about["primary"]),
                "label": words(title(about["primary"])),
                "unit": words(unit(about["primary"])),
                "bibtex": words.keep(_citation(declared.get(name))),
                "lower": _lower(about["primary"]),
                "fold_of": names.index(folds[name]) if name in folds else None,
                **described(declared.get(name), words),
            }
            for name, about in zip(names, shown_tasks, strict=True)
        ],
        "boards": [
            _identity(board, names)
            | {"current": _current(board, declared, all_boards)}
            | columns
            | {"pictures": pictures, "observed": observed(results, board, declared, words)}
            for board, columns, pictures in zip(all_boards, columns_of, drawn, strict=True)
        ],
        "unrun": [
            _identity(board, names) | {"current": True} | columns | {"pictures": {}, "observed": {}}
            for board, columns in zip(unrun, packed(unrun, words, encoders, 0), strict=True)
        ],
        "reported": published(reported, names, words),
        "related": related(reported, names, words),
        "folds": _folds(found, names, words),
        "across": {
            track: across([all_boards[index] for index in indices], indices, declared, words)
            for track, indices in shared.items()
        },
    }
    content |= {"pictures": pictures_of, "samples": samples}
    content |= {"sheet": SHEET, "encoders": encoders.packed, "words": words.texts}
    return frame.replace(_DATA, _DATA + compressed(content), 1)


def _identity(board: Board, names: Sequence[str]) -> dict[str, Any]:
    """Which board it is."""
    return {
        "task": names.index(board.task),
        "track": board.track,
        "version": board.version,
        "digest": board.digest[:12],
        "data": board.data[:12],
    }


def _figures(
    found: Sequence[Result], shown_tasks: Sequence[dict[str, Any]], reported: Sequence[object]
) -> list[tuple[str, str]]:
    """The size of it all: figures with what they count."""
    entries = {result.base for result in found}
    kinds = {about["kind"] for about in shown_tasks}
    newest = max((result.started for result in found), default=None)
    return [
        (f"{len(shown_tasks):,}", f"tasks of {len(kinds)} kinds"),
        (f"{len(entries):,}", "entries"),
        (f"{len(found):,}", "runs scored here"),
        (f"{len(reported):,}", "published numbers beside them"),
        (newest.strftime("%Y-%m-%d") if newest else "none yet", "newest run"),
    ]


def _citation(task: Task | None) -> str:
    if task is None:
        return ""
    declared = task.declaration
    return bibtex(task.dataset, str(declared["citation"]), link(declared["url"]))


def _lower(primary: str) -> bool:
    """Whether lower values are better; where that isn't known, nothing is ranked."""
    scale = known(primary.rpartition("_")[0])
    return scale is not None and not scale.higher_is_better


def write(results: Path, out: Path) -> int:
    """Write the leaderboard of a results folder to a file, atomically; its size in bytes."""
    content = render(results).encode()
    write_bytes(out, content)
    return len(content)


def _frame(**content: Any) -> str:
    """The page without its data."""
    first = (_HERE / "assets" / "first.js").read_text()
    scripts = [(_HERE / "vendor" / library["script"]).read_text() for library in libraries()]
    own = "\n".join((_HERE / "assets" / f"{name}.js").read_text() for name in _SCRIPTS)
    scripts.append(f'(() => {{\n"use strict";\n{own}}})();\n')
    style = "\n".join((_HERE / "assets" / f"{name}.css").read_text() for name in _STYLES)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    policy = {
        "default-src": ["'none'"],
        "script-src": [_hash(script) for script in (first, *scripts)],
        "style-src": [_hash(style)],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }
    return environment.get_template("page.html").render(
        policy="; ".join(" ".join([name, *values]) for name, values in policy.items()),
        scripts=[_inline(script) for script in scripts],
        style=_inline(style),
        first=_inline(first),
        libraries=libraries(),
        **content,
    )


def _most(frame: str, all_boards: Iterable[Board]) -> int:
    """For how many scores beside the primary ones a page has room."""
    rows = sum(len(board.rows) for board in all_boards)
    return max(0, (PAGE - len(frame.encode()) - _ROW * rows) // _SCORE)


def libraries() -> list[dict[str, str]]:
    """The vendored libraries, in loading order, with the text of their licences."""
    listed: list[dict[str, str]] = json.loads((_HERE / "vendor" / "vendor.json").read_text())
    for library in listed:
        text = (_HERE / "vendor" / library["script"]).with_suffix(".LICENSE").read_text()
        library["text"] = text
    return listed


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _inline(text: str) -> Markup:
    """Our own script or style as it stands; what could end its element has no place in it."""
    if any(end in text.lower() for end in ("</script", "</style", "<!--")):
        raise BenchError("a script of the leaderboard holds what would end its element")
    return Markup(text)  # noqa: S704


def _declared(found: Iterable[Result]) -> dict[str, Task]:
    """The declarations of the tasks that ship with the harness."""
    declared = {}
    for name in tasks.names():
        try:
            declared[name] = tasks.load(name)
        except RequestError:
            # A task under development; its results are shown without a declaration.
            continue
    return declared


def _current(board: Board, declared: Mapping[str, Task], all_boards: Iterable[Board]) -> bool:
    """Whether a board has the task's present meaning: its digest, or else its last version."""
    if board.task in declared:
        return board.digest == declared[board.task].digest
    return board.version == max(other.version for other in all_boards if other.task == board.task)


def _comparable(all_boards: list[Board], track: str, declared: Mapping[str, Task]) -> list[int]:
    """The positions of the boards of a track that entries are compared across, one for a task.

    Folds share most of their samples: the first that has a board stands for all.
    """
    first_of = {name: first for first, named in groups().items() for name in named}
    chosen: dict[str, int] = {}
    for index, board in enumerate(all_boards):
        if board.track == track and board.ranked and _current(board, declared, all_boards):
            chosen.setdefault(first_of.get(board.task, board.task), index)
    return list(chosen.values())


def _folds(found: Iterable[Result], names: Sequence[str], words: Words) -> list[dict[str, Any]]:
    """Means over the folds of a task, each with the positions of the tasks that are its folds."""
    rows = [
        {
            **{field.name: getattr(result, field.name) for field in fields(result)},
            "metric": f"{result.primary.metric}_{result.primary.average}",
            "value": result.primary.value,
            "model": result.made.model,
            "trained_seed": result.made.seed,
            "subset": result.subset,
            "degradation": result.facts.get("degradation", ""),
        }
        for result in found
        if result.primary
    ]
    folds = groups()
    return [
        {
            "of": [names.index(name) for name in folds[summary.task]],
            "track": summary.track if summary.verified else UNVERIFIED,
            "entry": words(summary.entry),
            "inputs": words(summary.inputs),
            "trust": words(summary.trust),
            "folds": summary.folds,
            "mean": float(f"{summary.mean:.4g}"),
            "std": float(f"{summary.std:.2g}"),
        }
        for summary in summaries(rows)
        if not summary.note
    ]


def _task(name: str, task: Task | None, all_boards: Iterable[Board]) -> dict[str, Any]:
    """What the section of a task says beside its results."""
    own = [board for board in all_boards if board.task == name]
    if task is None:
        first = own[0]
        score = next((row.result.facts.get("primary") for row in first.rows), None)
        return {
            "name": shown(name),
            "title": shown(name),
            "kind": shown(first.kind),
            "primary": shown(score or ""),
            "declared": None,
        }
    dataset = task.declaration
    return {
        "name": task.name,
        "title": shown(task.title, 160),
        "kind": task.kind,
        "primary": task.primary,
        "label": title(task.primary),
        "meaning": meaning(task.primary),
        "declared": {
            "version": task.version,
            "digest": task.digest,
            "about": " ".join(task.about.split()),
            "protocol": " ".join(task.protocol.split()),
            "superseded_by": task.superseded_by,
            "split": task.split,
            "splits": [(key, task.published(key).size) for key in task.splits],
            "classes": task.classes,
            "settings": [(key, shown(value)) for key, value in task.settings.items()],
            "inputs": [(key, _contract(task, key)) for key in task.inputs],
            "dataset": shown(dataset["title"], NAME),
            "licence": shown(dataset["licence"], NAME),
            "citation": " ".join(str(dataset["citation"]).split()),
            "url": link(dataset["url"]),
        },
    }


def _contract(task: Task, name: str) -> dict[str, str]:
    contract = task.input(name)
    return {
        "bands": " ".join(contract.bands),
        "size": f"{contract.size} x {contract.size} px" if contract.size else "native size",
        "resampling": contract.resampling,
        "units": ", ".join(f"{sensor} in {unit}" for sensor, unit in contract.units.items()),
        "statistics": contract.statistics,
    }
