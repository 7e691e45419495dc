"""METEOR and SPICE, which exist as Java programs only.

Both come with ``pycocoevalcap`` and need ``java``; SPICE needs language models besides, which are
fetched separately. Where something is missing, or a program fails, there is no value but a reason
in words: neither metric has a substitute that may bear its name. (NLTK's METEOR is an older
definition and scores higher.)

Denkowski, Lavie, "Meteor universal", WMT 2014 (version 1.5). Anderson et al., "SPICE: semantic
propositional image caption evaluation", ECCV 2016.
"""

import contextlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bench.base import extras
from bench.base.errors import BenchError
from bench.metrics.captions.ngrams import check
from bench.metrics.captions.tokens import Tokens

Floats = NDArray[np.float64]

TIMEOUT = 3600.0
"""Seconds that a program may take; both score tens of captions a second at best."""

_FOLDERS = re.compile(r"""(?:[A-Za-z]:)?(?:[\\/][^\\/\s:'"]+)+[\\/]""")
"""Those that a path begins with."""

_STATISTICS = 23
# Meteor 1.5 for English, task "rank": the weight of exact, stem, synonym and paraphrase matches,
# and the four parameters.
_MODULES = (1.0, 0.6, 0.8, 0.6)
_ALPHA, _BETA, _GAMMA, _DELTA = 0.85, 0.2, 0.6, 0.75


class Computed(NamedTuple):
    """Values, or why there are none: ``not computed: ...``."""

    values: Floats | None
    reason: str = ""


class _FailedError(Exception):
    """A program isn't there, or didn't do its work."""


def meteor_statistics(
    candidates: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    *,
    timeout: float = TIMEOUT,
) -> Computed:
    """The counts that METEOR 1.5 is made of, one row for each image.

    Args:
        candidates: N tokenised captions.
        references: for each image one or more tokenised captions; the one with the best score
            is the one that counts.
        timeout: seconds after which the program is ended.

    Returns:
        [N, 23]: lengths of candidate and reference; their function words; for exact, stem, synonym
        and paraphrase matches the matched content words of candidate and of reference and the
        matched function words of both; chunks, 0 where everything matches in one; matched words of
        candidate and of reference. Rows add up; `meteor` makes scores of them.

    Raises:
        BenchError: as `ngrams.check`.
    """
    check(candidates, references)
    lines = (
        " ||| ".join(("SCORE", *map(_line, several), _line(candidate)))
        for candidate, several in zip(candidates, references, strict=True)
    )
    try:
        jar = _package() / "meteor" / "meteor-1.5.jar"
        command = [_java(), "-Xmx2G", "-jar", str(_there(jar)), "-", "-", "-stdio"]
        output = _run([*command, "-l", "en", "-norm"], "\n".join(lines) + "\n", timeout)
        rows = np.array([line.split() for line in output.splitlines()], np.float64)
        if rows.shape != (len(candidates), _STATISTICS):
            raise _FailedError(f"METEOR answered {rows.shape} numbers for {len(candidates)} images")
    except (_FailedError, ValueError, OSError) as error:
        return Computed(None, f"not computed: {_reason(error)}")
    # The program leaves the one chunk of a full match out when it sums rows.
    rows[(rows[:, 20] == 1) & (rows[:, :2] == rows[:, 21:]).all(axis=1), 20] = 0
    return Computed(rows)


def meteor(sums: Floats) -> Floats:
    """METEOR 1.5 of summed counts; 0 to 1.

    A content word weighs 0.75, a function word 0.25, a match also by its kind (1, 0.6, 0.8, 0.6).
    With P and R the weighted matches over the weighted lengths of candidate and reference and
    f = chunks / mean matched words, the score is (1 - 0.6 f^0.2) / (0.15 / P + 0.85 / R). The score
    of a test set is that of the sum of its rows, as the program and the COCO caption evaluation
    have it, and not the mean of scores.

    Args:
        sums: [..., 23] sums of rows of `meteor_statistics`, weighted ones too.

    Returns:
        [...] float64; 0 where nothing matches.

    Raises:
        BenchError: the last axis isn't of 23 numbers.
    """
    if not sums.ndim or sums.shape[-1] != _STATISTICS:
        raise BenchError(f"expected {_STATISTICS} METEOR counts, found shape {sums.shape}")
    lengths, function = sums[..., :2], sums[..., 2:4]
    weighted = _DELTA * (lengths - function) + (1 - _DELTA) * function
    # [..., kind of match, content or function, candidate or reference]
    matches = sums[..., 4:20].reshape(*sums.shape[:-1], 4, 2, 2)
    found = np.einsum("...kwc,k,w->...c", matches, _MODULES, (_DELTA, 1 - _DELTA))
    chunks, matched = sums[..., 20], sums[..., 21:]
    with np.errstate(divide="ignore", invalid="ignore"):
        precision, recall = np.moveaxis(found / weighted, -1, 0)
        mean = 1 / ((1 - _ALPHA) / precision + _ALPHA / recall)
        score = mean * (1 - _GAMMA * (chunks / matched.mean(axis=-1)) ** _BETA)
    return np.where((found > 0).all(axis=-1), score, 0.0)


def spice(
    candidates: Sequence[Tokens],
    references: Sequence[Sequence[Tokens]],
    *,
    timeout: float = TIMEOUT,
) -> Computed:
    """SPICE of every image, [N]; the score of a test set is the mean of those that aren't NaN.

    Args:
        candidates: N tokenised captions.
        references: for each image one or more tokenised captions.
        timeout: seconds after which the program is ended.

    Raises:
        BenchError: as `ngrams.check`.
    """
    check(candidates, references)
    images = [
        {"image_id": image, "test": " ".join(candidate), "refs": list(map(" ".join, several))}
        for image, (candidate, several) in enumerate(zip(candidates, references, strict=True))
    ]
    try:
        folder = _package() / "spice"
        _there(folder / "lib" / "stanford-corenlp-3.6.0-models.jar")
        jar = _there(folder / "spice-1.0.jar")
        with tempfile.TemporaryDirectory(prefix="spice-") as work:
            asked, answered = Path(work, "in.json"), Path(work, "out.json")
            asked.write_text(json.dumps(images), encoding="utf-8")
            command = [_java(), "-Xmx8G", "-jar", str(jar), str(asked), "-out", str(answered)]
            _run([*command, "-silent"], "", timeout)
            results = json.loads(_there(answered).read_text(encoding="utf-8"))
        values = np.full(len(images), np.nan)
        for result in results:
            value = result["scores"]["All"]["f"]
            values[result["image_id"]] = np.nan if value is None else value
    except (_FailedError, ValueError, OSError, LookupError, TypeError) as error:
        return Computed(None, f"not computed: {_reason(error)}")
    return Computed(values)


def _reason(error: Exception) -> str:
    """An error without the folders of this machine: it is kept with results that others read."""
    return _FOLDERS.sub("", str(error))


def _line(caption: Tokens) -> str:
    """A caption that can't be taken for two, nor for two lines."""
    return " ".join(" ".join(caption).replace("|||", " ").split())


def _package() -> Path:
    found = importlib.util.find_spec("pycocoevalcap")
    if found is None or not found.submodule_search_locations:
        raise _FailedError(f"pycocoevalcap isn't installed ({extras.install('captions')})")
    return Path(found.submodule_search_locations[0])


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise _FailedError("there is no java on the PATH")
    return java


def _there(path: Path) -> Path:
    if not path.is_file():
        raise _FailedError(f"{path.name} is missing in {path.parent}")
    return path


def _run(command: Sequence[str], text: str, timeout: float) -> str:
    """The standard output of a program that reads ``text``; it and its children end with it."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    ) as process:
        try:
            output, complaints = process.communicate(text, timeout)
        except subprocess.TimeoutExpired as error:
            raise _FailedError(f"java took longer than {timeout:g} seconds") from error
        finally:
            # A launcher may have children that hold the pipes open.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        said = complaints.strip().splitlines() or ["nothing"]
        raise _FailedError(f"java ended with {process.returncode} and said: {said[-1][:300]}")
    return output
