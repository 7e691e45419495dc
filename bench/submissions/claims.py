"""What a submission says of itself, and whether it holds.

A submission is an entry in a repository of the Hub, or in a folder beside its manifest. It claims
scores in the ``run.json`` of its run and, where it was handed in by name, in the manifest: a TOML
file that pins the repository to a commit and its files to their hashes.
"""

from pathlib import Path
from typing import Annotated, Literal

import tomli_w
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    StringConstraints,
    ValidationError,
    model_validator,
)

from bench.base import bounded_toml
from bench.base.errors import BenchError, RequestError
from bench.results import manifest as manifests
from bench.results.manifest import Manifest
from bench.spec.score import Score
from bench.spec.task import in_one_line

TOLERANCE = 1e-3
"""How far a claimed score may be from the one found here."""

_SAME = 1e-9
"""Scores closer than this are equal, wherever the interval lies."""

_WHOLE = "publish the run.json of a whole run"

Verdict = Literal["reproduced", "not reproduced", "not compared"]
_Text = Annotated[str, StringConstraints(max_length=200)]
_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Claims(BaseModel):
    """Scores that a submission claims.

    Attributes:
        run: the run they are of.
        task_digest: the meaning of the task that was run.
        track: official or sample.
        scores: those over all samples and classes, ``<metric>_<average>`` to value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: _Text
    task_digest: _Text
    track: Literal["official", "sample"]
    scores: Annotated[dict[_Text, FiniteFloat], Field(max_length=1000)]


class Submission(BaseModel):
    """The manifest of a submission: which files of which commit, and what they are to score.

    Attributes:
        repo: OWNER/NAME on the Hub; empty where the files lie beside the manifest.
        revision: the commit; empty as well.
        entry: what the entry is called.
        task: what it was made for.
        files: path in the repository to the SHA-256 of the content.
        claims: what it scored where it was made.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    repo: Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]{1,96}/[A-Za-z0-9_.-]{1,96})?$")] = ""
    revision: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")] = ""
    entry: _Text
    task: _Text
    files: Annotated[dict[_Text, _Hash], Field(max_length=100)]
    claims: Claims

    @model_validator(mode="after")
    def _pinned(self) -> "Submission":
        if bool(self.repo) != bool(self.revision):
            raise ValueError("a repository needs a commit, and a commit a repository")
        return self

    @property
    def file_name(self) -> str:
        """What the manifest is called: one name for each repository, or for each entry."""
        return f"{self.repo.replace('/', '--') or self.entry}.toml"

    def text(self) -> str:
        """The manifest as TOML."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_defaults=True))


def read_submission(path: Path) -> Submission:
    """The manifest in a file.

    Raises:
        RequestError: it is none.
    """
    try:
        return Submission.model_validate(bounded_toml.read(path))
    except ValidationError as error:
        raise RequestError(
            f"{path} is no submission: {in_one_line(error)}", "`bench submit` writes one"
        ) from error


def claims_of(manifest: Manifest) -> Claims:
    """What a run's manifest claims.

    Raises:
        BenchError: it doesn't hold what a claim is made of.
    """
    scores = {name: score.value for name, score in _overall(manifest).items()}
    try:
        return Claims.model_validate(
            {
                "run": manifest.run,
                "task_digest": manifest.task.digest,
                "track": manifest.track,
                "scores": scores,
            }
        )
    except ValidationError as error:
        raise BenchError(
            f"run.json holds no scores to claim: {in_one_line(error)}", _WHOLE
        ) from error


def _overall(manifest: Manifest) -> dict[str, Score]:
    """The scores over all samples and classes that are defined, by name."""
    return {
        score.name: score
        for score in manifest.scores
        if not (score.label or score.slice) and score.value is not None
    }


def read_claims(path: Path) -> Claims:
    """What the ``run.json`` of a stranger claims.

    Raises:
        BenchError: it is too large, not JSON, or not the manifest of a run.
    """
    try:
        return claims_of(manifests.read(path))
    except BenchError as error:
        raise BenchError(error.message, _WHOLE) from error


def compare(claims: Claims | None, manifest: Manifest) -> tuple[Verdict, str]:
    """Whether the score that ranks, as it was found here, is the one that was claimed.

    Reproduced is a claim within `TOLERANCE` of the score and within its interval. Where the task's
    own score is undefined, every score that is claimed must hold. Where all that is observed was
    handed in, a score that is the same says nothing.

    Args:
        claims: what was claimed.
        manifest: of the run made here.

    Returns:
        The verdict, and why nothing was compared or what differs; empty for what holds.
    """
    if claims is None:
        return "not compared", "it claims nothing"
    if claims.task_digest != manifest.task.digest:
        return "not compared", "its claim is for another version of the task"
    if claims.track != manifest.track:
        return "not compared", f"its claim is for the {claims.track} track"
    found = _overall(manifest)
    primary = manifest.task.primary
    compared = [primary] if primary in found else sorted(found)
    missing = [name for name in compared if name not in claims.scores]
    if missing:
        return "not compared", f"it claims no {', '.join(missing)}"
    wrong = [name for name in compared if not _agrees(claims.scores[name], found[name])]
    shown = [f"{name} {claims.scores[name]:.4f}, found {found[name].value:.4f}" for name in wrong]
    if wrong:
        return "not reproduced", f"claimed {'; '.join(shown)}"
    if manifest.trust == "reported":
        return "not compared", "it hands in what is observed: nothing of it was computed here"
    return "reproduced", ""


def _agrees(claimed: float, found: Score) -> bool:
    if found.value is None:
        return False
    distance = abs(claimed - found.value)
    low, high = found.low, found.high
    inside = low is None or high is None or low <= claimed <= high
    return bool(distance <= _SAME or (distance <= TOLERANCE and inside))
