"""Training without steps: a fit in closed form, or nothing at all."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import torch

import bench.base.torch_setup
from bench.base.errors import BenchError, RequestError
from bench.kinds.common.batch import Batch
from bench.kinds.common.kind import Kind
from bench.kinds.common.observing import ahead, observe, to_device
from bench.metrics.scales import direction
from bench.spec.entry import Entry, Searched
from bench.spec.recipe import Fit
from bench.train.context import TrainingContext
from bench.train.loop import Best


def fit(context: TrainingContext, recipe: Fit) -> Entry:
    """Fit the network of an entry by its own ``fit(batches)``, or leave it as it begins.

    A network that has several solutions says how many, ``choices``, and takes one by
    ``choose(index)``: the one with the best primary score on the validation split is kept, of
    several as good the last.

    Raises:
        RequestError: several devices are asked for, or the architecture can't be fitted.
        BenchError: the primary score is undefined on the validation split.
    """
    if context.devices * context.nodes > 1:
        raise RequestError("a fit in closed form runs on one device", "leave out --devices")
    bench.base.torch_setup.deterministic(context.seed)
    network = context.network()
    passes, score, tried = int(recipe.method == "fit"), None, list[Searched]()
    if passes:
        _fit(network, context)
        if getattr(network, "choices", 0):
            batches = _batches(context, context.validation, "choose")
            score, tried = choose(network, context.kind, batches, torch.device(context.device))
    # Where nothing is chosen, nothing is validated.
    best = Best(score, network.state_dict(), epochs=passes)
    whole = context.finished(best, 1, len(context.training), searched=tried)
    context.deliver(whole, best.weights)
    return whole


def _fit(network: torch.nn.Module, context: TrainingContext) -> None:
    device = torch.device(context.device)
    network.to(device)
    if not hasattr(network, "fit"):
        raise RequestError(
            f"entry {context.entry.name} is to be fitted, but its architecture learns by steps",
            'give it a whole recipe instead of method = "fit"',
        )
    with torch.inference_mode():
        network.fit(_batches(context, context.training, "fit"))  # type: ignore[operator]


def choose(
    network: Any, kind: Kind[Any, Any], batches: Iterable[Batch], device: torch.device
) -> tuple[float, list[Searched]]:
    """Take the best of a network's choices, of several as good the last.

    Args:
        network: with the attributes ``choices`` and ``choose(index)``, and perhaps
            ``choices_named``.
        kind: by whose primary score it is chosen.
        batches: of the validation split.
        device: of the network.

    Returns:
        The primary score of the best, and those of all choices that have names.

    Raises:
        BenchError: the primary score is undefined on the validation split.
    """
    task = kind.task
    observed: list[list[pa.Table]] = [[] for _ in range(network.choices)]
    network.eval()
    with torch.inference_mode():
        for batch in batches:
            # Where all solutions answer at once, what they share is computed once.
            answers = network.every(batch.inputs) if hasattr(network, "every") else None
            for index, tables in enumerate(observed):
                if answers is None:
                    network.choose(index)
                    one = network
                else:
                    one = _Answer(answers[index])
                tables.append(observe(kind, one, [batch], device, kind.schema()))
        samples = sum(table.num_rows for table in observed[0])
        scores = [
            float(kind.measure(pa.concat_tables(tables))[task.primary]) for tables in observed
        ]
        best = max(
            (score for score in scores if math.isfinite(score)),
            key=lambda score: direction(task.primary) * score,
            default=None,
        )
        if best is None:
            raise BenchError(
                f"{task.primary} is undefined on the {samples} validation samples",
                "no solution can be chosen by it: does the split hold any positive sample?",
            )
        network.choose(len(scores) - 1 - scores[::-1].index(best))
    tried = [
        Searched(setting=name, validation=score if math.isfinite(score) else None)
        for name, score in zip(getattr(network, "choices_named", []), scores, strict=False)
    ]
    return best, tried


class _Answer(torch.nn.Module):
    """A model whose answer is known."""

    def __init__(self, answer: torch.Tensor) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, inputs: Any) -> torch.Tensor:  # noqa: ARG002
        return self.answer


def _batches(context: TrainingContext, samples: list[str], doing: str) -> Iterator[Batch]:
    """The samples in their order, on the device."""
    read, size = context.read(samples), context.kind.batch_size
    indices = [
        range(start, min(start + size, len(samples))) for start in range(0, len(samples), size)
    ]
    for done, batch in enumerate(ahead(read, indices), 1):
        yield to_device(batch, torch.device(context.device))
        context.progress(done, len(indices), doing)
