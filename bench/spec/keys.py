"""Key maps: how released weights name the tensors of an architecture.

Authors publish weights under the names of their own modules. A file ``NAME.keys.toml`` beside the
architectures says what each of these names is called here, so that the weights run although no code
of theirs does. Names are matched by templates: ``{i}`` stands for one part of a dotted name and
``{rest...}`` for all parts that are left; in the name that it becomes ``{i}`` is what was found
there, and ``{i+2}`` or ``{3*i+2}`` a number computed of it.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.base import bounded_toml
from bench.base.errors import BenchError, RequestError, unknown
from bench.base.files import sha256_json
from bench.spec import declared
from bench.spec.recipe import Scalar

_HOLE = re.compile(r"\{([^{}]*)\}")
_VALUE = re.compile(r"(?:(\d+)\*)?([a-z]+)(?:\+(\d+))?")
_FOUND = re.compile(r"([a-z]+)(\.\.\.)?")

Template = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.{}+*]{1,200}$")]


class Rename(BaseModel):
    """What one name, or names of one form, become.

    Attributes:
        origin: the template of the released name, ``from`` in the file.
        to: that of the name here.
        leading: axes of length 1 that the released tensor has in front and the one here hasn't.
        spare: rows at the end of the first axis that the released tensor has more, such as the
            output of a class that is never learnt.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    origin: Annotated[Template, Field(alias="from")]
    to: Template
    leading: Annotated[int, Field(ge=0, le=4)] = 0
    spare: Annotated[int, Field(ge=0, le=64)] = 0

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The template of the released name as a regular expression."""
        return _pattern(self.origin)


class KeyMap(BaseModel):
    """The key map of an architecture.

    Attributes:
        architecture: as an entry names it.
        source: where the released names were read.
        rename: what the released names become; the first that matches counts.
        drop: released tensors that the architecture doesn't have because they change nothing.
        parts: where the architecture holds several networks of one form in a ``ModuleDict``, its
            name: a released file then fills one of them, the one that its shapes fit.
        counts: numbers that templates of ``to`` use, each one more than the largest number that
            stands at the only place of a template.
        arguments: of the architecture, for the released weights.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    architecture: str
    source: str
    rename: Annotated[tuple[Rename, ...], Field(min_length=1)]
    drop: tuple[Template, ...] = ()
    parts: Annotated[str, Field(pattern=r"^[a-z_]{0,64}$")] = ""
    counts: dict[Annotated[str, Field(pattern=r"^[a-z]+$")], Template] = {}
    arguments: dict[str, Scalar] = {}

    @model_validator(mode="after")
    def _named(self) -> Self:
        for one in self.rename:
            known = {*one.pattern.groupindex, *self.counts}
            for hole in _HOLE.findall(one.to):
                value = _VALUE.fullmatch(hole.removesuffix("..."))
                if value is None or value[2] not in known:
                    raise ValueError(f"{{{hole}}} of {one.to} doesn't stand in {one.origin}")
        for template in (*self.drop, *self.counts.values()):
            _pattern(template)
        return self

    def names(self, released: Iterable[str]) -> dict[str, tuple[str, Rename]]:
        """What the tensors of a released file are called here, and by which rule.

        Args:
            released: their names.

        Returns:
            By released name; those that are dropped and those that no rule is for are left out.

        Raises:
            BenchError: two tensors get one name.
        """
        listed = list(released)
        numbers = {name: _count(form, listed) for name, form in self.counts.items()}
        found: dict[str, tuple[str, Rename]] = {}
        taken: dict[str, str] = {}
        for name in listed:
            renamed = self._renamed(name, numbers)
            if renamed is None:
                continue
            if renamed[0] in taken:
                raise BenchError(
                    f"{taken[renamed[0]]} and {name} would both be {renamed[0]} by the key map "
                    f"{self.name}",
                    "the file is of another architecture, or the map is wrong",
                )
            taken[renamed[0]] = name
            found[name] = renamed
        return found

    def drops(self, name: str) -> bool:
        """Whether a released tensor changes nothing and is left out."""
        return any(_pattern(template).fullmatch(name) for template in self.drop)

    def digest(self) -> str:
        """The SHA-256 of what it does to weights."""
        return sha256_json(self.model_dump(mode="json", exclude={"source"}))

    def _renamed(self, name: str, numbers: Mapping[str, int]) -> tuple[str, Rename] | None:
        for one in self.rename:
            match = one.pattern.fullmatch(name)
            if match is not None:
                said = {**match.groupdict(), **{k: str(v) for k, v in numbers.items()}}
                made = _filled(one.to, said)
                if made is not None:
                    return made, one
        return None


def load(name: str) -> KeyMap:
    """The key map of a name.

    Raises:
        RequestError: there is none, or its file is malformed.
    """
    files = declared.key_maps()
    if name not in files:
        raise unknown("key map", name, files)
    return _read(name, files[name])


def names() -> list[str]:
    """The names of all key maps."""
    return list(declared.key_maps())


def of(architecture: str) -> list[KeyMap]:
    """The key maps of an architecture, by name.

    Raises:
        RequestError: a file is malformed.
    """
    found = [_read(name, path) for name, path in declared.key_maps().items()]
    return [one for one in found if one.architecture == architecture]


def _read(name: str, path: Path) -> KeyMap:
    raw = bounded_toml.read(path)
    try:
        return KeyMap.model_validate({"name": name, **raw})
    except ValueError as error:
        raise RequestError(f"{path} is no key map: {error}", "see bench.spec.keys") from error


def _pattern(template: str) -> re.Pattern[str]:
    parts = []
    for place, part in enumerate(_HOLE.split(template)):
        if place % 2 == 0:
            parts.append(re.escape(part))
            continue
        hole = _FOUND.fullmatch(part)
        if hole is None:
            raise ValueError(f"{{{part}}} of {template} is no name of letters")
        parts.append(f"(?P<{hole[1]}>{'.+' if hole[2] else '[^.]+'})")
    return re.compile("".join(parts))


def _filled(template: str, said: Mapping[str, str]) -> str | None:
    """A template with what was found; None where a number is asked of what is none."""
    made = []
    for place, part in enumerate(_HOLE.split(template)):
        if place % 2 == 0:
            made.append(part)
            continue
        value = _VALUE.fullmatch(part.removesuffix("..."))
        assert value is not None
        times, name, more = value.groups()
        text = said[name]
        if times or more:
            if not text.isdecimal():
                return None
            text = str(int(times or 1) * int(text) + int(more or 0))
        made.append(text)
    return "".join(made)


def _count(template: str, names: Iterable[str]) -> int:
    found = [match for name in names if (match := _pattern(template).fullmatch(name))]
    numbers = [int(text) for match in found for text in match.groups() if text.isdecimal()]
    return max(numbers, default=-1) + 1
