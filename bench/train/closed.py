"""Training without steps: a fit in closed form, or nothing at all."""

from collections.abc import Iterator

import torch

import bench.base.torch_setup
from bench.base.errors import RequestError
from bench.kinds.common.batch import Batch
from bench.kinds.common.observing import ahead, to_device
from bench.spec.entry import Entry
from bench.spec.recipe import Fit
from bench.train.context import TrainingContext
from bench.train.loop import Best


def fit(context: TrainingContext, recipe: Fit) -> Entry:
    """Fit the network of an entry by its own ``fit(batches)``, or leave it as it begins.

    Raises:
        RequestError: several devices are asked for, or the architecture can't be fitted.
    """
    if context.devices * context.nodes > 1:
        raise RequestError("a fit in closed form runs on one device", "leave out --devices")
    bench.base.torch_setup.deterministic(context.seed)
    network = context.network()
    passes = int(recipe.method == "fit")
    if passes:
        _fit(network, context)
    # Nothing is chosen, so nothing is validated.
    best = Best(None, network.state_dict(), epochs=passes)
    whole = context.finished(best, 1, len(context.training))
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
    read, samples, size = (
        context.read(context.training),
        len(context.training),
        context.kind.batch_size,
    )

    def batches() -> Iterator[Batch]:
        indices = [range(start, min(start + size, samples)) for start in range(0, samples, size)]
        for done, batch in enumerate(ahead(read, indices), 1):
            yield to_device(batch, device)
            context.progress(done, len(indices), "fit")

    with torch.inference_mode():
        network.fit(batches())  # type: ignore[operator]
