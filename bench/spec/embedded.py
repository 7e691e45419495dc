"""The declaration of an entry that brings embeddings, on which a head is fitted here."""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from bench.base.errors import BenchError
from bench.base.files import sha256_file, sha256_json
from bench.spec.entry import Declaration, Entry, Predicted, no_device
from bench.spec.labels import Labels
from bench.spec.task import Name

MAX_WIDTH = 65_536
"""The most dimensions of an embedding."""

_Scale = Annotated[FiniteFloat, Field(gt=0)]
_Zero = Annotated[int, Field(ge=-128, le=127)]
_File = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,100}\.(parquet|csv)$"),
    AfterValidator(no_device),
]


class Embeddings(BaseModel):
    """Where embeddings are and how their values are stored.

    Attributes:
        files: Parquet or CSV files beside ``entry.toml``; each sample stands in one of them.
        dtype: of the stored values.
        scale, zero_point: of int8: a stored q stands for ``scale * (q - zero_point)``; one number
            for all dimensions, or one for each.
        area_km2: the ground that a sample covers; 0 where it isn't known.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    files: Annotated[tuple[_File, ...], Field(min_length=1, max_length=64)]
    dtype: Literal["float32", "float16", "int8"] = "float32"
    scale: _Scale | Annotated[tuple[_Scale, ...], Field(max_length=MAX_WIDTH)] | None = None
    zero_point: _Zero | Annotated[tuple[_Zero, ...], Field(max_length=MAX_WIDTH)] = 0
    area_km2: Annotated[FiniteFloat, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.files)) < len(self.files):
            raise ValueError("a file is named twice")
        if (self.dtype == "int8") != (self.scale is not None):
            raise ValueError(f"expected a scale with int8 and none else, found dtype {self.dtype}")
        if self.dtype != "int8" and self.zero_point != 0:
            raise ValueError(f"expected a zero_point with int8 only, found dtype {self.dtype}")
        return self

    @property
    def bytes_each(self) -> int:
        """Bytes of a stored value."""
        return int(np.dtype(self.dtype).itemsize)

    def check_width(self, width: int) -> None:
        """Refuse scales and zero points of another number of dimensions than the embeddings have.

        Raises:
            BenchError: there are more or fewer.
        """
        for name, given in (("scale", self.scale), ("zero_point", self.zero_point)):
            if isinstance(given, tuple) and len(given) != width:
                raise BenchError(
                    f"expected a {name} for each of {width} dimensions, found {len(given)}",
                    "give one number for all dimensions, or one for each",
                )

    def values(self, stored: NDArray[np.generic]) -> NDArray[np.float32]:
        """The values that stored ones stand for.

        Args:
            stored: [N, F] of `dtype`.

        Returns:
            float32 [N, F].
        """
        found = stored.astype(np.float32)
        if self.scale is not None:
            found -= np.asarray(self.zero_point, np.float32)
            found *= np.asarray(self.scale, np.float32)
        return found


class Embedded(Declaration):
    """The declaration of an entry that brings embeddings instead of a model.

    Attributes:
        task: that it is run on; in ``entry.toml`` it may stand in place of ``tasks``.
        tasks: that the embeddings were made for; none: for all of a dataset.
        embeddings: where they are.
        method: of the head that is fitted on them; empty before one is chosen.
        labels: how many of the training samples the head learns from; None for all.
    """

    task: str = ""
    tasks: Annotated[
        tuple[Name, ...], Field(max_length=100, exclude_if=lambda tasks: not tasks)
    ] = ()
    embeddings: Embeddings
    method: Annotated[
        str, Field(pattern=r"^[a-z]{0,32}$", exclude_if=lambda method: not method)
    ] = ""
    labels: Annotated[Labels | None, Field(exclude_if=lambda labels: labels is None)] = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of embeddings."""
        return tuple((self.folder or Path()) / name for name in self.embeddings.files)

    @cached_property
    def file_hashes(self) -> tuple[str, ...]:
        """The SHA-256 of each file, computed once.

        Raises:
            BenchError: a declared file is missing.
        """
        for path in self.paths:
            if not path.is_file():
                raise BenchError(f"{path} is missing", "entry.toml names it: put the file there")
        return tuple(sha256_file(path) for path in self.paths)

    def digest(self) -> str:
        """The SHA-256 of what decides predictions: embeddings, method and number of labels.

        Raises:
            BenchError: a declared file is missing.
        """
        return sha256_json(
            {
                "embeddings": list(self.file_hashes),
                "stored": self.embeddings.model_dump(mode="json", exclude={"files"}),
                "method": self.method,
                **({"labels": self.labels.name} if self.labels else {}),
            }
        )

    def weights_sha256(self) -> str:
        """Empty: there are no weights."""
        return ""


AnyEntry = Entry | Predicted | Embedded
"""What ``--model`` can stand for."""
