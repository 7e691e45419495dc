"""A pickle is found by what it is, wherever in an entry's folder and under whichever name."""

import gzip
import io
import os
import pickle
import subprocess
import tarfile
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.numpy import save

from bench.base.errors import RequestError
from bench.submissions import content, submit
from bench.submissions.check import check
from tests import pages
from tests.made_submissions import declare, words


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("true",)


def saved(value: Any, **how: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **how)
    return stream.getvalue()


def archive(kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(stream, "w") as opened:
            opened.writestr("data.pkl", pickle.dumps({}))
    else:
        with tarfile.open(fileobj=stream, mode="w") as opened:
            entry = tarfile.TarInfo("pickle")
            entry.size = 3
            opened.addfile(entry, io.BytesIO(b"abc"))
    return stream.getvalue()


def arrays(value: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, value, allow_pickle=True)
    return stream.getvalue()


def picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (3, 2)).save(stream, "PNG")
    return stream.getvalue()


PICKLES = {
    **{f"protocol {n}": pickle.dumps(Evil(), protocol=n) for n in range(6)},
    **{f"plain values, protocol {n}": pickle.dumps({"a": [1.5, "b"]}, n) for n in range(6)},
    "protocol 0 that fails after its call": pickle.dumps(Evil(), protocol=0)[:-1] + b"\xff",
    "after values that are dropped": b"I1\n0S'x'\n0" + pickle.dumps(Evil(), protocol=0),
    "an instance": b"(S'true'\nios\nsystem\n.",
    "many steps": b"(l" + b"I1\na" * 60_000 + pickle.dumps(Evil(), protocol=0),
    "longer than what is read": pickle.dumps(OrderedDict(a=bytes(2 << 20)), protocol=4),
    "of PyTorch": saved({"w": torch.zeros(2)}),
    "of PyTorch, old": saved({"w": torch.zeros(2)}, _use_new_zipfile_serialization=False),
    "ZIP": archive("zip"),
    "ZIP behind a picture": picture() + archive("zip"),
    "ZIP behind text": b"# An entry\n" + archive("zip"),
    "tar": archive("tar"),
    "compressed": gzip.compress(pickle.dumps(Evil())),
    "array of objects": arrays(np.array([{}], dtype=object)),
    "array of numbers": arrays(np.zeros(3)),
    "picture that is a pickle": b"GIF89a..." + pickle.dumps(Evil(), protocol=0),
    "script": b"#!/bin/sh\ntrue\n",
    "program": b"\x7fELF" + bytes(60),
    "bytes": bytes(range(256)),
}
PLACES = (
    *("README.md", "model.safetensors", "entry.txt", "picture.png", "LICENSE", "notes"),
    *(".hidden", ".hidden/deeper/x.md", "folder/x.md", "x.parquet", "run.json"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return declare(tmp_path / "entry", words("reben-mlc") | {"input": "s1"})


def found(folder: Path) -> str:
    (finding,) = (f for f in check(folder, None, dry_run=False) if f.id == "files.formats")
    return "" if finding.passed else finding.found


@pytest.mark.parametrize("name", PICKLES)
def test_a_pickle_is_found_under_any_name(name: str, folder: Path) -> None:
    path = folder / "README.md"
    path.write_bytes(PICKLES[name])
    assert "README.md" in found(folder)


@pytest.mark.parametrize("place", PLACES)
def test_a_pickle_is_found_in_any_place(place: str, folder: Path) -> None:
    path = folder / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PICKLES["protocol 4"])
    assert place in found(folder)
    with pytest.raises(RequestError, match=r"files\.formats"):
        submit.plan(folder, "alice/entry", folder.parent / "results")


def test_a_pickle_within_safetensors_is_found(folder: Path) -> None:
    """A header of this length begins as a pickle does and goes on as one."""
    text = b'{""' + PICKLES["protocol 0"]
    header = text.ljust(0x470280)
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    assert "model.safetensors" in found(folder)


def test_what_belongs_into_an_entry_is_no_pickle(folder: Path) -> None:
    pq.write_table(pa.table({"sample": ["a"]}), folder / "predictions.parquet")
    for size in (1, 7, 60, 4000):
        header = save({f"{'n' * size}{i}": np.zeros(2) for i in range(size)})
        (folder / f"{size}.safetensors").write_bytes(header)
    (folder / "picture.png").write_bytes(picture())
    (folder / "LICENSE").write_text("N.\nI am a licence.\n")
    (folder / "notes.txt").write_text("cat\nin a hat\n(so it goes)\nis here.\n", encoding="utf-16")
    (folder / ".gitattributes").write_text("*.safetensors filter=lfs\n")
    (folder / "empty").write_bytes(b"")
    for page in pages.PAGES:
        name = "-".join(page.relative_to(pages.ROOT).parts)
        (folder / f"of-{name}").write_bytes(page.read_bytes())
    assert found(folder) == ""
    subprocess.run(["git", "init", "-q", folder], check=True)
    subprocess.run(["git", "-C", folder, "add", "."], check=True)
    assert found(folder) == ""
    (folder / ".git" / "x").write_bytes(PICKLES["protocol 2"])
    assert ".git/x" in found(folder)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"))))
def test_prose_is_seldom_a_pickle(text: str) -> None:
    assert not content.is_pickle(f"# {text}\n".encode())


@given(
    st.recursive(st.integers() | st.text() | st.none(), st.lists, max_leaves=5), st.integers(0, 5)
)
def test_every_pickle_is_one(value: Any, protocol: int) -> None:
    assert content.is_pickle(pickle.dumps([value], protocol=protocol))


def test_what_is_no_plain_file_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / ".pipe")
    (folder / ".link").symlink_to("/dev/zero")
    (folder / ".loop").symlink_to(folder)
    assert found(folder) == ""
