"""The model of an entry."""

from bench import data, kinds
from bench.base import weights
from bench.base.errors import BenchError, RequestError
from bench.spec.contract import InputPipeline
from bench.submissions.checks import ARCHITECTURES, PreconditionError, Submission

_SAMPLES = 4


def contract(submission: Submission) -> str | None:
    """The input is complete: bands, units, size, resampling, mean and std, or one by name."""
    if _brings_none(submission):
        return None
    found = submission.find_contract()
    return f"{len(found.bands)} bands, {found.size or 'native'} px"


def possible(submission: Submission) -> str | None:
    """The task's dataset can give what the input asks for."""
    if _brings_none(submission):
        return None
    InputPipeline(submission.contract, submission.task.bands)
    return f"{submission.task.division(submission.contract)} division"


def architecture(submission: Submission) -> str | None:
    """The architecture, and that for the sample track, is installed with the harness."""
    if (entry := submission.model) is None:
        return None
    for model in filter(None, (entry.model, entry.sample)):
        if model.architecture.partition(":")[0] not in ARCHITECTURES:
            raise RequestError(
                f"architecture {model.architecture} isn't installed with the harness",
                f"name one of {', '.join(sorted(ARCHITECTURES))}, or submit predictions: "
                "code of others is never run",
            )
    return entry.model.architecture


def weights_there(submission: Submission) -> str | None:
    """The weights are there."""
    if (entry := submission.model) is None or not entry.model.learns:
        return None
    if entry.weights is None:
        raise BenchError(
            "no weights declared",
            'train it, save model.safetensors and add weights = "model.safetensors" to [model]',
        )
    return f"sha256 {entry.weights_sha256()[:12]}"


def weights_finite(submission: Submission) -> str | None:
    """The weights are whole safetensors without NaN or infinity."""
    if (entry := submission.model) is None or entry.weights is None or not entry.weights.is_file():
        return None
    return f"{weights.check_finite(entry.weights)} tensors"


def builds(submission: Submission) -> str | None:
    """The architecture takes its arguments and the input."""
    network = submission.build()
    if network is None:
        return None
    return f"{sum(p.numel() for p in network.parameters()):,} parameters"


def weights_match(submission: Submission) -> str | None:
    """The weights are those of the architecture: names, shapes, dtypes."""
    entry, network = submission.model, submission.network
    if entry is None or network is None or entry.weights is None:
        return None
    return f"{weights.check(network, entry.weights, entry.model.weights_prefix)} tensors"


def runs(submission: Submission) -> str | None:
    """The model gives finite values of the right shape for a few samples of the sample track."""
    entry, network = submission.model, submission.network
    if entry is None or network is None or not submission.dry_run:
        return None
    import torch

    from bench.kinds.common.observing import observe

    task, contract = submission.task, submission.contract
    try:
        pipeline = InputPipeline(contract, task.bands)
        if entry.weights is not None:
            weights.fill(network, entry.weights, entry.model.weights_prefix)
    except BenchError as error:
        raise PreconditionError from error
    kind = kinds.of(task)
    dataset = data.reader(task.dataset).open_dataset(
        data.ensure_sample(task.dataset, lambda text: None)
    )
    samples = dataset.ids(task.split)[:_SAMPLES]
    batch = kind.load(dataset, pipeline, samples)
    with torch.inference_mode():
        device, schema = torch.device("cpu"), kind.schema()
        found = observe(kind, network.eval(), [batch], device, schema)
    kind.check_scale(found)
    return f"{len(samples)} samples"


def _brings_none(submission: Submission) -> bool:
    return submission.alone or bool({"predictions", "embeddings"} & set(submission.raw))
