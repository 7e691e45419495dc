"""Training without steps: a fit in closed form, or nothing at all."""

from collections.abc import Iterator

import torch

import bench.base.torch_setup
from bench.base.errors import RequestError
from bench.kinds.common.batch import Batch
from bench.kinds.common.observing import ahead, to_device
from bench.spec.entry import Entry
from bench.spec.recipe import Fit
from bench.train.course import Course
from bench.train.loop import Best


def fit(course: Course, recipe: Fit) -> Entry:
    """Fit the network of an entry by its own ``fit(batches)``, or leave it as it begins.

    Raises:
        RequestError: several devices are asked for, or the architecture can't be fitted.
    """
    if course.devices * course.nodes > 1:
        raise RequestError("a fit in closed form runs on one device", "leave out --devices")
    bench.base.torch_setup.deterministic(course.seed)
    network = course.network()
    passes = int(recipe.method == "fit")
    if passes:
        _fit(network, course)
    # Nothing is chosen, so nothing is validated.
    best = Best(None, network.state_dict(), epochs=passes)
    whole = course.finished(best, 1, len(course.training))
    course.deliver(whole, best.weights)
    return whole


def _fit(network: torch.nn.Module, course: Course) -> None:
    device = torch.device(course.device)
    network.to(device)
    if not hasattr(network, "fit"):
        raise RequestError(
            f"entry {course.entry.name} is to be fitted, but its architecture only learns by steps",
            'give it a whole recipe instead of method = "fit"',
        )
    read, samples, size = course.read(course.training), len(course.training), course.kind.BATCH

    def batches() -> Iterator[Batch]:
        indices = [range(start, min(start + size, samples)) for start in range(0, samples, size)]
        for done, batch in enumerate(ahead(read, indices), 1):
            yield to_device(batch, device)
            course.progress(done, len(indices), "fit")

    with torch.inference_mode():
        network.fit(batches())  # type: ignore[operator]
