"""How an entry is trained: by steps, in closed form, or by many clients."""

from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from bench.spec.task import Name

Scalar = bool | int | float | str


class Blend(BaseModel):
    """Weights between those that a training began with and those that it ended with.

    Attributes:
        alphas: the shares of the latter that are tried.
        control: the task that shows what is forgotten.
        keep: the share that is kept, one of them; None: the one with the best mean of target and
            control.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    alphas: Annotated[
        tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1, max_length=101)
    ]
    control: Name
    keep: float | None = None

    @model_validator(mode="after")
    def _kept_is_tried(self) -> Self:
        if self.keep is not None and self.keep not in self.alphas:
            raise ValueError(f"keep {self.keep} is none of the alphas {list(self.alphas)}")
        return self


class Recipe(BaseModel):
    """How an entry is trained. Defaults are absent on purpose: a recipe is complete or wrong.

    Attributes:
        epochs: at most so many passes over the training split.
        batch: samples per step.
        learning_rate: reached after ``warmup_steps`` of linear growth from ``start_factor`` of it,
            then lowered along half a cosine to ``end_factor`` of it at the last step.
        milestones: shares of all steps after each of which the rate is multiplied by ``gamma``, in
            addition; none by default.
        gamma: see ``milestones``.
        weight_decay: of the optimizer.
        patience: epochs without a better score on the validation split before it stops.
        validate_every: so many epochs lie between two looks at the validation split, and between
            two checkpoints; it is looked at after the last one as well.
        flips: mirror training samples at random in both directions.
        matmul_precision: of ``torch.set_float32_matmul_precision``.
        optimizer: AdamW; or Adam, whose weight decay is part of the gradient; or SGD with momentum
            0.9 and a weight decay as Adam's.
        clip_norm: to which length the gradient of all parameters is cut at each step; None: never.
        select: which epoch is kept: the best by the task's ``primary`` score on the validation
            split, or by the ``loss`` there.
        options: what else the kind of the task lets a recipe say.
        arguments: of the architecture, where this recipe trains another size of it than the entry
            says.
        search: values that are tried in place of the recipe's own, by its name; the training that
            scores best on the validation split is kept.
        blend: what is made of the best epoch at the end; None: nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    epochs: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    warmup_steps: Annotated[int, Field(ge=0)]
    start_factor: Annotated[float, Field(gt=0, le=1)]
    end_factor: Annotated[float, Field(ge=0, le=1)]
    # Absent from declarations, and so from what they are compared by, where they change nothing.
    milestones: Annotated[
        tuple[Annotated[float, Field(gt=0, lt=1)], ...],
        Field(exclude_if=lambda milestones: not milestones),
    ] = ()
    gamma: Annotated[float, Field(gt=0, le=1, exclude_if=lambda gamma: gamma == 0.1)] = 0.1
    patience: Annotated[int, Field(ge=1)]
    # Absent from declarations, and so from what they are compared by, where it changes nothing;
    # so is `blend`.
    validate_every: Annotated[int, Field(ge=1, exclude_if=lambda every: every == 1)] = 1
    flips: bool
    matmul_precision: Literal["highest", "high", "medium"]
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    clip_norm: Annotated[float, Field(gt=0)] | None = None
    select: Literal["primary", "loss"] = "primary"
    options: dict[str, Scalar] = {}
    arguments: dict[str, Scalar] = {}
    search: Annotated[
        dict[Literal["learning_rate", "weight_decay"], tuple[float, ...]],
        Field(exclude_if=lambda search: not search),
    ] = {}
    blend: Annotated[Blend | None, Field(exclude_if=lambda blend: blend is None)] = None


class Fit(BaseModel):
    """A recipe without steps.

    Attributes:
        method: ``fit``: the architecture's own ``fit`` sees the training split once; ``start``:
            nothing is learnt, the weights are those that a training would begin with.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["fit", "start"]


class Federated(BaseModel):
    """A recipe for many clients that keep their samples, and a server that only sees weights.

    Attributes:
        method: ``federated``.
        scenario: which client holds what: ``ds2``, a client holds images of one country; ``ds1``,
            clients of the same sizes, images at random; ``ds3``, one country in one season;
            ``pooled``, all images of these clients in one place, the reference without federation;
            ``lists1`` to ``lists3``, what the published lists of scenarios 1 to 3 say.
        clients: how many clients; None: one for each country (and season), or for each list.
        algorithm: ``fedavg`` averages the weights of clients as they come, ``fedavg-weighted`` by
            how many samples a client holds; ``moon`` averages as ``fedavg`` does, and clients
            learn with a contrastive loss as well.
        mu: how much that loss counts; of ``moon`` alone, as is the next.
        temperature: of that loss.
        rounds: how often all clients train and the server averages.
        local_epochs: passes of a client over its samples in a round.
        batch: samples per step of a client.
        learning_rate: of Adam, constant; every client begins each round with a new optimiser.
        matmul_precision: of ``torch.set_float32_matmul_precision``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Literal["federated"]
    scenario: Literal["ds1", "ds2", "ds3", "pooled", "lists1", "lists2", "lists3"]
    clients: Annotated[int, Field(ge=1, le=10_000)] | None = None
    algorithm: Literal["fedavg", "fedavg-weighted", "moon"]
    mu: Annotated[float, Field(gt=0)] | None = None
    temperature: Annotated[float, Field(gt=0)] | None = None
    rounds: Annotated[int, Field(ge=1, le=1_000)]
    local_epochs: Annotated[int, Field(ge=1)]
    batch: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0)]
    matmul_precision: Literal["highest", "high", "medium"]

    @model_validator(mode="after")
    def _lists_say_who_takes_part(self) -> Self:
        if self.clients is not None and self.scenario.startswith("lists"):
            raise ValueError(f"scenario {self.scenario} has the clients of its lists")
        return self

    @model_validator(mode="after")
    def _contrast_is_moons(self) -> Self:
        given = self.mu is not None, self.temperature is not None
        if given != ((self.algorithm == "moon"),) * 2:
            raise ValueError("mu and temperature belong to moon, which needs both")
        return self


def method_of(recipe: Any) -> str:
    """Which form a recipe has: one with steps says no method."""
    given = recipe.get if isinstance(recipe, dict) else partial(getattr, recipe)
    return str(given("method", "steps"))


AnyRecipe = Annotated[
    Annotated[Recipe, Tag("steps")]
    | Annotated[Fit, Tag("fit")]
    | Annotated[Fit, Tag("start")]
    | Annotated[Federated, Tag("federated")],
    Discriminator(method_of),
]
"""Any recipe; a malformed one is told what its own form lacks, not what all others do."""
