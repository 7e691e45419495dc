"""What the manifest of a run holds: the JSON objects within ``run.json``."""

from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    JsonValue,
    Strict,
    StringConstraints,
)

from bench.spec.recipe import Scalar

Text = Annotated[str, StringConstraints(max_length=500)]
Count = Annotated[int, Field(ge=0, lt=1 << 63)]
Texts = Annotated[tuple[str, ...], Strict(False)]

Trust = Literal["reported", "rescored", "rerun"]
"""How scores came to be."""

Held = Literal["fingerprint", "count", "unverified", "simulated"]
"""What a split was held to."""


class Record(BaseModel):
    """A JSON object within ``run.json``, or the whole of it."""

    model_config = ConfigDict(
        extra="allow", frozen=True, strict=True, validate_by_name=True, ser_json_inf_nan="constants"
    )

    def content(self) -> dict[str, JsonValue]:
        """The JSON value, with the fields that were given and no others."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class Identity(Record):
    """What is run: runs of one identity have equal observations.

    Attributes:
        task: name and digest of the task.
        track: ``official`` or ``sample``.
        data: the ``data_sha256`` and ``ids_sha256`` of `DataRecord`.
        entry: the digest of the entry.
        seed: of training.
        device: ``cpu`` or ``cuda``; ``not declared`` for predictions made elsewhere.
        precision: such as ``32-true``; ``not declared`` for predictions made elsewhere.
        source: the repository on the Hub and its commit, of a submission that was taken in.
        degradation: the name and the fingerprint of what was done to the images; None where
            nothing was.
    """

    task: Texts
    track: str
    data: Texts
    entry: str
    seed: int
    device: str
    precision: str
    source: str | None = None
    degradation: Texts | None = None

    def from_source(self, source: str) -> Self:
        """That of a submission from a repository."""
        return self.model_copy(update={"source": source})

    def degraded_by(self, name: str, fingerprint: str) -> Self:
        """That of a run on degraded images."""
        return self.model_copy(update={"degradation": (name, fingerprint)})


class TaskRecord(Record):
    """The task that was run.

    Attributes:
        name: its name.
        version: of its declaration.
        digest: the SHA-256 of what its scores mean; scores of different digests aren't compared.
        kind: such as ``multilabel``.
        primary: the score that ranks, ``<metric>_<average>``.
        file: the path of its declaration, for a task that doesn't ship with rs-bench; else empty.
    """

    name: Text
    version: Annotated[int, Field(ge=0, lt=1 << 31)]
    digest: Text
    kind: Text
    primary: Text
    file: str = ""


class ModelRecord(Record):
    """The architecture of an entry; the fields are those of `bench.spec.entry.Model`.

    Attributes:
        architecture: such as ``timm:resnet18``.
        arguments: keyword arguments of the architecture.
        weights: the name of the file of weights; empty without one.
        learns: False for what has no weights.
        weights_prefix: what every tensor's name in that file begins with.
        start: what training began with, if not random or ``pretrained`` weights.
    """

    architecture: str
    arguments: dict[str, JsonValue] = {}
    weights: str = ""
    learns: bool = True
    weights_prefix: str = ""
    start: dict[str, JsonValue] | None = None


class InputRecord(Record):
    """What a model was fed; the fields are those of `bench.spec.contract.InputContract`.

    Attributes:
        bands: in the order of the model's channels.
        units: of the values, by sensor.
        size: height and width in pixels; absent where images kept their size.
        resampling: how bands of another size were brought to ``size``.
        fit: ``stretch`` or ``crop``.
        mean: subtracted from each channel, in the unit of its sensor.
        std: by which each channel was divided, in the unit of its sensor.
        statistics: where mean and std come from, in words.
    """

    bands: Texts
    units: dict[str, str] = {}
    size: int | None = None
    resampling: str = ""
    fit: str = "stretch"
    mean: Annotated[tuple[FiniteFloat, ...], Strict(False)] = ()
    std: Annotated[tuple[FiniteFloat, ...], Strict(False)] = ()
    statistics: str = ""


class TrainedRecord(Record):
    """How weights came to be; the fields are those of `bench.spec.entry.Trained`.

    Attributes:
        task: that was trained for.
        track: whose data was learnt from.
        seed: of this training.
        recipe: that was followed, as `bench.spec.recipe` declares it.
        epochs_run: passes over the training split.
        steps: updates of the weights.
        samples_seen: samples in all of them.
        seconds: that it took.
        validation: the primary score on the validation split, if it was computed.
        data: the ``data_sha256`` of what was learnt from.
        harness: versions and precision it was done with, in words.
        start: the SHA-256 of the weights it began with, if they are another entry's.
        facts: what there is to say of the training samples, by name.
        checked: what the splits it learnt from were held to, by name of the split.
        alpha: the share of the trained weights that was chosen, where weights were blended.
        tried: the scores of each share that was tried.
        searched: the settings that were tried, with the score that decided.
        federation: of a federated training, who took part and what each round took.
        history: of a training by epochs, its ``log.csv``; see `bench.results.training_log`.
    """

    task: str = ""
    track: str = ""
    seed: int | None = None
    recipe: dict[str, JsonValue] = {}
    epochs_run: int | None = None
    steps: int | None = None
    samples_seen: int | None = None
    seconds: FiniteFloat | None = None
    validation: FiniteFloat | None = None
    data: str = ""
    harness: str = ""
    start: str = ""
    facts: dict[str, Scalar] = {}
    checked: dict[str, str] = {}
    alpha: FiniteFloat | None = None
    tried: list[JsonValue] = []
    searched: list[JsonValue] = []
    federation: dict[str, JsonValue] | None = None
    history: list[dict[str, FiniteFloat | None]] = []


class EntryRecord(Record):
    """The entry that was run: its declaration, and the hashes of what decides its predictions.

    Attributes:
        name: of the entry.
        title: what it is called in full.
        authors: who made it.
        licence: of the weights.
        url: where there is more about it.
        note: what there is to say of it.
        task: the task it was made for.
        task_digest: the digest of that task; empty where it isn't said.
        training_data: what it learnt from.
        source: where it was fetched from, with revision.
        input: its input contract; None for predictions made elsewhere.
        model: its architecture; None for predictions made elsewhere.
        recipe: how to train it, by track.
        sample: the architecture that stands for it on the sample track, where it is another one.
        trained: how it was trained, if it was trained here.
        labels: how many of the training samples it learnt from; None for all.
        encoder: that it builds on, as `bench.spec.encoder.Encoder` declares it.
        method: how it builds on it, such as ``ridge``.
        predictions: the file of predictions, for an entry that brings no model.
        embeddings: the files of embeddings and their dtype, for an entry that brings these.
        digest: the SHA-256 of architecture, arguments, input and weights, of the predictions, or of
            embeddings, method and labels.
        weights_sha256: of the file of weights; empty without one.
    """

    name: Text
    title: str = ""
    authors: Texts = ()
    licence: str = ""
    url: str = ""
    note: str = ""
    task: str = ""
    task_digest: str = ""
    training_data: Texts = ()
    source: str = ""
    input: InputRecord | None = None
    model: ModelRecord | None = None
    recipe: dict[str, JsonValue] = {}
    sample: ModelRecord | None = None
    trained: TrainedRecord | None = None
    labels: dict[str, JsonValue] | None = None
    encoder: dict[str, JsonValue] | None = None
    method: str = ""
    predictions: dict[str, JsonValue] | None = None
    embeddings: dict[str, JsonValue] | None = None
    digest: Text
    weights_sha256: Text


class FilesRecord(Record):
    """The files of a dataset, by which a later look tells whether any were written since.

    Attributes:
        count: how many files were looked at.
        bytes: their size.
        sha256: of their names, sizes and times of change.
    """

    count: Count
    bytes: Count
    sha256: str


class DataRecord(Record):
    """The data that was scored.

    Attributes:
        dataset: its name.
        layout: in which of its layouts it lies on disk.
        split: that was scored.
        samples: how many samples were scored.
        ids_sha256: of their ids.
        data_sha256: what stands for the data: of ``declared_sha256`` and ``contents`` together, or
            of the files of a simulated dataset.
        declared_sha256: of what the dataset says of itself; None on the sample track.
        contents: the SHA-256 of a sample of what was read, by band and kind of target.
        files: of the dataset; None on the sample track.
        missing: how missing values were handled.
        checked: what the split was held to: a published ``fingerprint`` of its ids, their ``count``
            or nothing (``unverified``); ``simulated`` on the sample track.
    """

    dataset: str = ""
    layout: str = ""
    split: str = ""
    samples: Count
    ids_sha256: Text
    data_sha256: Text
    declared_sha256: str | None = None
    contents: dict[str, str] = {}
    files: FilesRecord | None = None
    missing: str = ""
    checked: Held = "unverified"


class DegradationRecord(Record):
    """What was done to the images of a test of robustness before the model saw them.

    Attributes:
        name: such as ``cloud=0.3`` or ``drop=B8A,B11``.
        kind: ``drop``, ``cloud``, ``noise`` or ``gsd``.
        magnitude: in the unit of the kind: number of bands, share of the image, standard deviations
            of the band, metres.
        bands: that were dropped.
        meaning: what was done, in words.
        sha256: of all that decides it.
    """

    name: Text
    kind: Text
    magnitude: FiniteFloat
    bands: Texts = ()
    meaning: Text
    sha256: Text


class HarnessRecord(Record):
    """The version of rs-bench at work.

    Attributes:
        version: its number.
        commit: of the checkout it ran from; None for an installed package.
        dirty: whether that checkout held changes that weren't committed.
        code_sha256: of its modules; None in runs of earlier versions.
    """

    version: Text
    commit: Text | None
    dirty: bool | None
    code_sha256: str | None = None


class HardwareRecord(Record):
    """The machine.

    Attributes:
        system: operating system and architecture.
        processor: its model.
        cores: that could be used.
        memory: of the machine, in bytes.
        accelerator: model and memory of the accelerator in use; None without one.
    """

    system: str = ""
    processor: str = ""
    cores: int | None = None
    memory: int | None = None
    accelerator: str | None = None


class DeterminismRecord(Record):
    """What was set so that observations repeat bit for bit.

    Attributes:
        seed: of every random generator while predicting.
        deterministic_algorithms: the mode of ``torch.use_deterministic_algorithms``.
        cudnn_benchmark: whether cuDNN chose algorithms by their speed.
        cublas_workspace: the value of CUBLAS_WORKSPACE_CONFIG.
        mkl: the values of MKL_CBWR and MKL_DYNAMIC.
        threads: of torch.
    """

    seed: int
    deterministic_algorithms: str
    cudnn_benchmark: bool
    cublas_workspace: str
    mkl: str
    threads: int


class CostRecord(Record):
    """What the model or its embeddings cost; empty for predictions made elsewhere.

    Attributes:
        parameters: on the executed path.
        macs: multiply-accumulates of one sample.
        latency_ms: milliseconds for one sample, the median.
        samples_per_second: of the model alone, at the evaluation's batch size.
        batch: that batch size, in samples.
        peak_memory: in bytes: of the device on CUDA, else of the process.
        bytes_per_sample: of the embedding that was handed in, as it is stored.
        bytes_per_km2: the same by area, where the ground that a sample covers is declared.
    """

    parameters: Count | None = None
    macs: Count | None = None
    latency_ms: FiniteFloat | None = None
    samples_per_second: FiniteFloat | None = None
    batch: Count | None = None
    peak_memory: Count | None = None
    bytes_per_sample: Count | None = None
    bytes_per_km2: FiniteFloat | None = None
