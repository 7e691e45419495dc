"""What `bench.run` and `bench.train` are given, as a request of the evaluator."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from bench.api.asked import Progress, is_module, model_of, name_of_task, whole
from bench.base.errors import RequestError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.evaluate.reporting import Report
    from bench.evaluate.request import Request
    from bench.spec.contract import InputContract
    from bench.spec.entry import Entry
    from bench.spec.task import Task


@contextlib.contextmanager
def named(
    task: "str | os.PathLike[str] | Task",
    model: Any,
    contract: "str | InputContract | None",
    name: str | None,
    training_data: Sequence[str],
    results: "Path",
    *,
    training: bool,
    method: str = "",
) -> "Iterator[tuple[str, str | Entry, bool]]":
    """The task and the model as a request holds them, and whether the model is in this process."""
    asked = name_of_task(task)
    if not is_module(model):
        for option, value in (
            ("contract", contract),
            ("name", name),
            ("training_data", tuple(training_data)),
        ):
            if value:
                raise RequestError(
                    f"{option} is given with {model!r:.100}, which brings its own",
                    f"leave {option} away: it is for a torch.nn.Module",
                )
        yield asked, model_of(model), False
        return
    from bench.models import live
    from bench.spec import task as tasks
    from bench.spec.contract import InputContract

    declared = tasks.load(asked)
    if contract is None or isinstance(contract, str):
        contract = declared.input(contract or declared.inputs[0])
    elif not isinstance(contract, InputContract):
        raise RequestError(
            f"contract is {type(contract).__name__}, expected the name of an input or an "
            "InputContract",
            f"inputs of {declared.name}: {', '.join(declared.inputs)}",
        )
    if isinstance(training_data, str):
        training_data = [training_data]
    given = (model, declared, contract, name, training_data)
    if method:
        from bench.models import methods

        yield asked, methods.entry(live.encoder_of(*given), declared, method), True
    elif training:
        yield asked, live.untrained(*given), True
    else:
        with live.evaluated(*given, results) as entry:
            yield asked, entry, True


def request(
    task: str,
    model: "str | Entry",
    inside: bool,
    *,
    track: Literal["official", "sample"] | None,
    device: str,
    devices: int,
    nodes: int,
    precision: str,
    seed: int,
    results: "Path",
    limit: int | None,
    ids: Sequence[str] | None,
    force: bool,
    method: str = "",
    given: str | None = None,
    normalisation: str = "checkpoint",
    labels: str | None = None,
    log: Sequence[str] = (),
) -> "Request":
    """What `bench.run` and `bench.train` ask for.

    Raises:
        RequestError: an option has a value that it can't have.
    """
    from bench.evaluate.request import Request
    from bench.spec.labels import Labels

    if inside and (devices, nodes) != (1, 1):
        raise RequestError(
            f"a module of this process runs on one device, {devices} on {nodes} nodes were asked "
            "for",
            "leave devices and nodes away, or write it as python:MODULE:FACTORY",
        )
    if isinstance(ids, str):
        raise RequestError(f"ids is {ids!r:.100}, expected a list of ids", f"write [{ids!r:.100}]")
    return Request(
        task=task,
        model=model,
        method=method,
        given=given,
        normalisation=normalisation,  # type: ignore[arg-type]
        labels=None if labels is None else Labels.parse(labels),
        track=track,
        device=device,
        devices=whole("devices", devices),
        nodes=whole("nodes", nodes),
        precision=precision,
        seed=whole("seed", seed),
        limit=None if limit is None else whole("limit", limit),
        ids=None if ids is None else [str(one) for one in ids],
        force=force,
        results=results,
        log=[log] if isinstance(log, str) else list(log),
    )


def allow(request: "Request", *, allow_python: bool) -> None:
    """Let the code run that the model names; only for this call, as the environment is restored."""
    if allow_python:
        from bench.models import python

        asked = request.model
        if not isinstance(asked, str):
            asked = asked.model.architecture.partition("@")[0]
        python.allow(asked)


def report(progress: Progress | None) -> "Report":
    """Where news goes: without a callback below the cell of a notebook, elsewhere nowhere."""
    from bench.api import notebook
    from bench.evaluate.reporting import SILENT, Report

    shown = progress or notebook.progress()
    return SILENT if shown is None else Report(shown)
