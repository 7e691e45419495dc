"""How many labels a method may learn from: a share of the training split, or samples per class."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bench.base.errors import RequestError

_FORM = re.compile(
    r"(?:(?P<percent>[0-9]{1,3}(?:\.[0-9]{1,6})?)\s*%|(?P<shots>[0-9]{1,9})(?:-shots?)?)"
    r"(?:-draw(?P<draw>[0-9]{1,10}))?"
)
_EXAMPLES = 'write a share such as "10%" or "0.5%", or samples per class such as "5-shot"'
_DRAWS = 2**32


class Labels(BaseModel):
    """A subset of the training samples; either ``percent`` or ``shots`` is given.

    Attributes:
        percent: the share of the samples, above 0 and at most 100.
        shots: samples of each class.
        draw: which of the random subsets of this size, from 0 to 2**32 - 1.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    percent: Annotated[Decimal, Field(gt=0, le=100, decimal_places=6)] | None = None
    shots: Annotated[int, Field(ge=1)] | None = None
    draw: Annotated[int, Field(ge=0, lt=_DRAWS)] = 0

    @model_validator(mode="after")
    def _one_is_given(self) -> Self:
        if (self.percent is None) == (self.shots is None):
            raise ValueError("give either percent or shots")
        return self

    @classmethod
    def parse(cls, text: str, draw: int = 0) -> "Labels":
        """What a text says: "1%", "0.5%", "5-shot", "5", or a `name`.

        Args:
            text: the size; "-draw2" at its end names the draw.
            draw: taken where the text names none.

        Raises:
            RequestError: the text has another form, or says nothing that can be drawn.
        """
        found = _FORM.fullmatch(text.strip().lower())
        if found is None:
            raise RequestError(f"expected a number of labels, found {text[:100]!r}", _EXAMPLES)
        which = draw if found["draw"] is None else int(found["draw"])
        if not 0 <= which < _DRAWS:
            raise RequestError(f"expected a draw from 0 to {_DRAWS - 1}, found {which}")
        if found["shots"] is not None:
            if not int(found["shots"]):
                raise RequestError("expected at least 1 sample of each class, found 0", _EXAMPLES)
            return cls(shots=int(found["shots"]), draw=which)
        percent = Decimal(found["percent"])
        if not 0 < percent <= 100:
            raise RequestError(
                f"expected a share above 0 % and at most 100 %, found {percent} %", _EXAMPLES
            )
        return cls(percent=percent, draw=which)

    @property
    def size(self) -> str:
        """The size alone: "10%", "5-shot"."""
        if self.percent is None:
            return f"{self.shots}-shot"
        text = f"{self.percent:f}"
        return (text.rstrip("0").rstrip(".") if "." in text else text) + "%"

    @property
    def name(self) -> str:
        """The one name of a subset: "10%-draw2"; `parse` reads it."""
        return f"{self.size}-draw{self.draw}"

    @property
    def whole(self) -> bool:
        """Whether it is all samples."""
        return self.percent == 100


UNREADABLE = "unreadable"
"""What stands for a subset whose record can't be read."""


def subset(recorded: Mapping[str, object] | str | None) -> str:
    """The name of the part of the training samples that an entry learnt from; empty for all.

    Args:
        recorded: what the manifest of a run holds, or its JSON; None for all samples.
    """
    if not recorded:
        return ""
    found = read(recorded)
    if found is None:
        return UNREADABLE
    return "" if found.whole else found.name


def base_name(entry: str, recorded: Mapping[str, object] | str | None) -> str:
    """The name of an entry without the number of labels that ends it.

    Args:
        entry: its name.
        recorded: as `subset` takes it.
    """
    found = read(recorded) if recorded else None
    return entry if found is None else entry.removesuffix(f"-{found.name.replace('%', 'pct')}")


def read(recorded: Mapping[str, object] | str) -> Labels | None:
    """What a manifest records, as an object or its JSON; None where it can't be read."""
    try:
        if isinstance(recorded, str):
            return Labels.model_validate_json(recorded)
        return Labels.model_validate(recorded)
    except ValidationError:
        return None
