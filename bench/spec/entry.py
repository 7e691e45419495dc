"""An entry: what is ranked. A folder with ``entry.toml``, weights in safetensors, a README.

Baselines and submissions are the same thing in two places. A baseline may stand for several
entries that differ in their input only: it then names several of the task's inputs, and
``resnet50-s1`` is the baseline ``resnet50`` fed with the input ``s1``. One that names none takes
each of the task's own.
"""

import re
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bench.base import bounded_toml
from bench.base.errors import BenchError
from bench.base.files import sha256_file, sha256_json
from bench.data import Checked
from bench.spec.contract import InputContract
from bench.spec.encoder import Encoder
from bench.spec.labels import Labels
from bench.spec.recipe import AnyRecipe, Scalar
from bench.spec.task import Name

MAX_DECLARATION = bounded_toml.MAX_BYTES
"""Largest ``entry.toml`` that is opened, in bytes."""

_Form = TypeVar("_Form", bound=BaseModel)

_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)


def no_device(name: str) -> str:
    """The name of a file, unless some systems keep it for a device.

    Raises:
        ValueError: they do.
    """
    if _DEVICE.match(name):
        raise ValueError("some systems keep this name for a device")
    return name


class Start(BaseModel):
    """A baseline whose trained weights a training begins with.

    Attributes:
        task, model: the task and its baseline; it is trained first where it wasn't yet.
        into: the part of the architecture that they fill, a dotted name; empty for all of it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Name
    model: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$")]
    into: Annotated[str, Field(pattern=r"^([A-Za-z0-9_]{1,64}(\.[A-Za-z0-9_]{1,64}){0,7})?$")] = ""


class Model(BaseModel):
    """What computes: a named architecture and where its weights are.

    Attributes:
        architecture: ``timm:NAME`` or ``baseline:MODULE.CLASS``, a module of ``baselines``.
        arguments: keyword arguments of the architecture.
        weights: the safetensors file beside ``entry.toml``; empty for what must be trained first.
        learns: False for what has no weights, such as JPEG 2000.
        weights_prefix: what every tensor's name in that file begins with, before the name that the
            architecture gives it.
        start: what training begins with; None for random weights and ``pretrained`` ones.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    architecture: Annotated[
        str, Field(pattern=r"^[a-z0-9_]+:[A-Za-z0-9_.@-]{1,128}(:[A-Za-z0-9_.@]{1,128})?$")
    ]
    arguments: dict[str, Scalar] = {}
    weights: Annotated[
        str,
        Field(pattern=r"^([A-Za-z0-9_-][A-Za-z0-9_.-]{0,100}\.safetensors)?$"),
        AfterValidator(no_device),
    ] = ""
    learns: bool = True
    weights_prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9_]{1,64}\.){0,8}$")] = ""
    start: Annotated[Start | None, Field(exclude_if=lambda start: start is None)] = None


class Tried(BaseModel):
    """What one share of the trained weights scored.

    Attributes:
        alpha: the share.
        target: the primary metric of the task on its validation split.
        control: that of the control task.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    alpha: float
    target: float
    control: float


class Searched(BaseModel):
    """What one of several settings scored.

    Attributes:
        setting: in words: ``learning_rate 0.001``, ``penalty 0.01``, ``k 5``.
        validation: the score on the validation split that decided; None where it is undefined.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    setting: Annotated[str, Field(max_length=200)]
    validation: float | None


class Round(BaseModel):
    """One round of a federation.

    Attributes:
        clients: whose weights were averaged.
        left_out: why others' weights weren't, by client.
        loss: what those clients minimised, mean over their steps and then over them.
        seconds: of the whole round.
        slowest: seconds of the client that took longest.
        averaging: seconds in which the server looked at answers and averaged them; None where
            nobody measured.
        macs: multiply-accumulates of all clients.
        bytes_down, bytes_up: what the server sent, and what clients sent back.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    clients: int
    left_out: Annotated[dict[str, str], Field(exclude_if=lambda left_out: not left_out)] = {}
    loss: float
    seconds: float
    slowest: float
    averaging: Annotated[float | None, Field(exclude_if=lambda seconds: seconds is None)] = None
    macs: int
    bytes_down: int
    bytes_up: int


class Held(BaseModel):
    """What a client of a federation holds.

    Attributes:
        samples: how many it learns from; without any it takes no part.
        classes: how many classes occur in them.
        left_out: how many more its list names, which aren't in the training split.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    samples: int
    classes: int
    left_out: Annotated[int, Field(exclude_if=lambda left_out: not left_out)] = 0


class Federation(BaseModel):
    """Who took part in a federated training, and what it took.

    Attributes:
        clients: what each holds, by name.
        parameters: numbers that a client and the server send each other, running statistics
            included.
        rounds: what happened in each.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    clients: dict[str, Held]
    parameters: int
    rounds: list[Round]


class Trained(BaseModel):
    """How the weights of an entry came to be.

    Attributes:
        federation: of a federated training.
        start: the SHA-256 of the weights that training began with, if they are another entry's.
        facts: what there is to say of the training samples, by name.
        checked: what the splits it learnt from were held to, by name; empty on the sample track.
        searched: the settings that were tried, where one of several was chosen.
        alpha, tried: the share that was chosen where weights were blended, and all of them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    track: Literal["official", "sample"]
    seed: int
    recipe: AnyRecipe
    epochs_run: int
    steps: int
    samples_seen: int
    seconds: float
    validation: float | None = None
    data: str
    harness: str
    start: Annotated[str, Field(exclude_if=lambda start: not start)] = ""
    facts: Annotated[dict[str, Scalar], Field(exclude_if=lambda facts: not facts)] = {}
    checked: Annotated[dict[str, Checked], Field(exclude_if=lambda checked: not checked)] = {}
    alpha: float | None = None
    tried: Annotated[list[Tried], Field(exclude_if=lambda tried: not tried)] = []
    searched: Annotated[list[Searched], Field(exclude_if=lambda found: not found)] = []
    federation: Federation | None = None


class Predictions(BaseModel):
    """Where the predictions of an entry are: the Parquet file beside ``entry.toml``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Annotated[
        str,
        Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,100}\.parquet$"),
        AfterValidator(no_device),
    ]


class Declaration(BaseModel):
    """What every entry says of itself.

    Attributes:
        name: what it is called on the leaderboard.
        title, authors, licence, url, note: words.
        task: the task it was made for.
        task_digest: the digest of that task's meaning; empty where it isn't said.
        training_data: what it learnt from, in words or, for a dataset that the harness knows, as
            ``DATASET/SPLIT``; what was trained here says so in ``trained``.
        source: where it was fetched from, with revision.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$")]
    title: Annotated[str, Field(max_length=200)] = ""
    authors: Annotated[list[Annotated[str, Field(max_length=200)]], Field(max_length=100)] = []
    licence: Annotated[str, Field(max_length=100)] = ""
    url: Annotated[str, Field(max_length=500)] = ""
    note: Annotated[str, Field(max_length=2000)] = ""
    task: str
    task_digest: Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")] = ""
    training_data: Annotated[
        list[Annotated[str, Field(max_length=200)]], Field(max_length=100)
    ] = []
    source: Annotated[str, Field(max_length=500)] = ""

    folder: Annotated[Path | None, Field(exclude=True)] = None
    """Where it lies on disk."""


WORDS = ("title", "authors", "licence", "url", "note", "training_data", "source")
"""The attributes of a declaration that only label a result."""


class Predicted(Declaration):
    """The declaration of an entry that brings predictions instead of a model."""

    predictions: Predictions

    @property
    def file(self) -> Path:
        """The file of predictions."""
        return (self.folder or Path()) / self.predictions.file

    def digest(self) -> str:
        """The SHA-256 of what was predicted.

        Raises:
            BenchError: the declared file is missing.
        """
        if not self.file.is_file():
            raise BenchError(f"{self.file} is missing", "entry.toml names it: put the file there")
        return sha256_json({"predictions": sha256_file(self.file)})

    def weights_sha256(self) -> str:
        """Empty: there are no weights."""
        return ""


class Entry(Declaration):
    """The declaration of an entry that brings a model.

    Attributes:
        input: its contract.
        model: what computes.
        recipe: how to train it, by track.
        sample: what stands for the model on the sample track, where it is too large for that or
            begins with weights that are fetched.
        trained: how it was trained, if it was trained here.
        labels: how many of the training samples it learns from; None for all.
        encoder, method: the encoder that it builds on, and how; see `bench.models.methods`.
    """

    input: InputContract
    model: Model
    recipe: dict[Literal["official", "sample"], AnyRecipe] = {}
    sample: Model | None = None
    trained: Trained | None = None
    labels: Annotated[Labels | None, Field(exclude_if=lambda labels: labels is None)] = None
    encoder: Annotated[Encoder | None, Field(exclude_if=lambda encoder: encoder is None)] = None
    method: Annotated[
        str, Field(pattern=r"^[a-z]{0,32}$", exclude_if=lambda method: not method)
    ] = ""

    @property
    def weights(self) -> Path | None:
        """The file of weights, or None for an entry that has none yet."""
        if self.folder is None or not self.model.weights:
            return None
        return self.folder / self.model.weights

    def weights_sha256(self) -> str:
        """The hash of the weights; empty without weights.

        Raises:
            BenchError: the declared file is missing.
        """
        if self.weights is None:
            return ""
        if not self.weights.is_file():
            raise BenchError(
                f"{self.weights} is missing",
                "entry.toml names it: put the file there, or train the entry again",
            )
        return sha256_file(self.weights)

    def on(self, track: str) -> "Entry":
        """The entry as it is on a track."""
        model = self.sample if track == "sample" and self.sample else self.model
        return self.model_copy(update={"model": model, "sample": None})

    def digest(self) -> str:
        """The SHA-256 of what decides predictions: architecture, arguments, input and weights."""
        return sha256_json(
            {
                "architecture": self.model.architecture,
                "arguments": self.model.arguments,
                "input": self.input.model_dump(mode="json"),
                "weights": self.weights_sha256(),
                **({"encoder": self.encoder.identity()} if self.encoder else {}),
            }
        )
