"""What ``list`` and ``info`` show of published checkpoints."""

from typing import TYPE_CHECKING, Any

from bench.cli._console import print_json, print_line, print_table

if TYPE_CHECKING:
    from bench.spec.contract import InputContract
    from bench.spec.published import Published, Statistics


def rows(kind: str | None = None) -> list[dict[str, Any]]:
    """The published checkpoints by name, a dict each.

    Args:
        kind: only those that are run on a task of this kind.
    """
    from bench.spec import declared, published

    kinds = {name: raw["kind"] for name, raw in declared.tasks().items()}
    found = []
    for name in published.names():
        stated = published.find(name)
        tasks = stated.runs_on()
        if kind is None or any(kinds[task] == kind for task in tasks):
            found.append(
                {
                    "model": stated.model,
                    "title": stated.title,
                    "tasks": tasks,
                    "licence": stated.licence,
                    "url": stated.url,
                    "state": _state(stated),
                }
            )
    return found


def show(model: str, as_json: bool) -> None:
    """Show one published checkpoint.

    Raises:
        RequestError: there is none of this name.
    """
    from bench.models import published as source
    from bench.spec import published
    from bench.spec import task as tasks

    stated = published.find(source.name_of(model))
    known = stated.runs_on()
    contract = None if stated.same else source.contract_of(stated, tasks.load(known[0]))
    record = None if stated.same else source.record_of(stated)
    architecture, arguments = ("", {}) if stated.same else stated.built
    if as_json:
        print_json(
            stated.model_dump(mode="json")
            | {
                "model": stated.model,
                "architecture": architecture,
                "arguments": arguments,
                "tasks": known,
                "contract": contract.model_dump(mode="json") if contract else None,
                "record": record.model_dump(mode="json") if record else None,
                "state": _state(stated),
            }
        )
        return
    print_line(f"{stated.model}: {stated.title}\n")
    given = "; ".join(f"{key} = {value}" for key, value in arguments.items())
    print_table(
        ["", ""],
        [
            ["authors", "; ".join(stated.authors)],
            ["licence", stated.licence],
            ["where", stated.url],
            *([["the same as", stated.same]] if stated.same else []),
            *([["on the Hub", _on_hub(stated)]] if stated.hub else []),
            *(["file", _file(file)] for file in stated.files),
            *(
                [["architecture", architecture + (f" ({given})" if given else "")]]
                * (not stated.same)
            ),
            *([["key map", f"{stated.keys}; {stated.map.source}"]] if stated.map else []),
            ["learnt from", "; ".join(stated.training_data) or "not stated"],
            ["run on", ", ".join(known)],
            *_contract(stated, contract),
            *([["note", stated.note]] if stated.note else []),
            ["read at", stated.read],
            ["weights", _state(stated)],
        ],
    )
    print_line()
    print_line(f"bench run --task {known[0]} --model {stated.model}")


def _contract(stated: "Published", contract: "InputContract | None") -> list[list[str]]:
    if contract is None and stated.input is None:
        return []
    if contract is None:
        assert stated.input is not None
        assert stated.input.file is not None
        return [
            ["bands", " ".join(stated.input.bands)],
            ["unit", stated.input.unit],
            ["size", f"{stated.input.size or 'any'} px, {stated.input.resampling}"],
            [
                "normalisation",
                _of_file(stated.input.file) + ", which comes with the dataset",
            ],
        ]
    return [
        ["bands", " ".join(contract.bands)],
        ["unit", ", ".join(f"{unit} ({sensor})" for sensor, unit in contract.units.items())],
        [
            "size",
            f"{contract.size or 'any'} px, {contract.resampling}"
            + (", centre cropped" if contract.fit == "crop" else ""),
        ],
        *(
            [["normalisation", "by the constants of the files that lie with the data"]]
            if contract.constants == "files"
            else [["mean", _numbers(contract.mean)], ["std", _numbers(contract.std)]]
        ),
    ]


def _of_file(file: "Statistics") -> str:
    return f"mean over folds {', '.join(map(str, file.folds))} of {file.name}"


def _numbers(values: tuple[float, ...]) -> str:
    if len(set(values)) == 1:
        return f"{values[0]:g} for each band"
    return " ".join(f"{value:g}" for value in values)


def _on_hub(stated: "Published") -> str:
    assert stated.hub is not None
    revision = stated.hub.revision or "(the commit seen first is kept)"
    return f"{stated.hub.repository} @ {revision}"


def _file(file: Any) -> str:
    size = f", {file.size:,} bytes" if file.size else ""
    held = f"SHA-256 {file.sha256}" if file.sha256 else "no hash is published; the first is kept"
    return f"{file.path or file.name}{size}, {held}"


def _state(stated: "Published") -> str:
    from bench.models import published

    if stated.same:
        return "fetched when run"
    record = published.record_of(stated)
    if record is None:
        return "not here yet" if stated.hub else "not here: got by hand"
    if record.meaning != stated.meaning():
        return "made by another version: convert again"
    return f"here since {record.first_seen}"
