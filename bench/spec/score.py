"""One number of a run, with its uncertainty: what scoring gives and ``run.json`` holds."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field, StringConstraints

_Text = Annotated[str, StringConstraints(strict=True, max_length=500)]
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
_Count = Annotated[int, Field(strict=True, ge=0, lt=1 << 63)]


WORST = ": worst"
"""How the slice of a worst group ends, after the attribute; the group is its label."""

GAP = ": worst less rest"
"""How the slice ends of the difference between a worst group and all other samples."""


# A run has hundreds of them: with slots they take a third of the memory of a pydantic model. The
# types say what pydantic accepts of a file; a score that is made here isn't validated.
@dataclass(frozen=True, slots=True)
class Score:
    """One number of a run, with its uncertainty.

    Attributes:
        metric: such as ``ap``.
        average: how it was aggregated: ``macro``, ``micro``, ``samples``, ``classes`` ...
        label: the class for ``classes``, the point of a curve, such as ``bpppc=2.06``, for
            ``points``, the group for the worst one of an attribute, else empty.
        value: the number, in the unit of the metric; None where it is undefined.
        low: lower end of the 95 % interval over units; None where it is undefined, such as that of
            a class that occurs in one unit only, or there are too few.
        high: upper end of that interval.
        samples: how many samples stand behind it.
        slice: which samples, such as ``country=Portugal``; empty for all. ``country: worst`` is the
            worst of these, named by the label, and ``country: worst less rest`` its value less that
            of the others.
        classes: how many classes stand behind an average over classes: those that occur among these
            samples; None for what is no such average, and in runs of earlier versions.
        units: how many independent units stand behind the interval; None in runs of earlier
            versions, whose intervals are those of a bootstrap over samples.
        sampling_unit: what such a unit is: ``tile``, ``sample`` ...
    """

    # Without a configuration of its own it would take that of the model that it stands in, which is
    # strict and so takes instances only.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="ignore")

    metric: _Text
    average: _Text
    label: _Text
    value: _Number | None
    low: _Number | None
    high: _Number | None
    samples: _Count
    slice: _Text
    classes: _Count | None = None
    units: _Count | None = None
    sampling_unit: _Text = "sample"

    @property
    def name(self) -> str:
        """The name that a task's ``primary`` uses, such as ``ap_macro``."""
        return f"{self.metric}_{self.average}"
