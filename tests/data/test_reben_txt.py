"""BigEarthNet.txt: which texts are read, and of which patches."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench import data
from bench.base.errors import BenchError, RequestError
from bench.data.reben import reben, reben_txt
from bench.data.reben import simulate as simulated
from bench.spec import task as tasks


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few simulated patches with their texts."""
    folder = tmp_path_factory.mktemp("txt") / "reben"
    simulated.write(folder, patches=24)
    reben_txt.write_texts(folder)
    return folder


def rewritten(root: Path, target: Path, change: Any) -> Path:
    """The same patches with other texts."""
    target.mkdir()
    for path in root.iterdir():
        if path.name != reben_txt.FILE:
            (target / path.name).symlink_to(path)
    table = change(pq.read_table(root / reben_txt.FILE))
    pq.write_table(table, target / reben_txt.FILE)
    return target


def test_captions_are_read_and_questions_are_not(root: Path) -> None:
    opened = data.reader("reben-txt").open_dataset(root)
    plain = reben.open_dataset(root)
    stored = pq.read_table(root / reben_txt.FILE).to_pylist()
    assert {row["type"] for row in stored} == {"captioning", "binary"}
    for split in ("train", "validation", "test"):
        assert opened.ids(split) == plain.ids(split)
    assert set(opened.ids("bench")) < set(opened.ids("test"))
    with pytest.raises(RequestError, match="unknown split"):
        opened.ids("all")
    wanted = {row["patch_id"]: row["output"] for row in stored if row["type"] == "captioning"}
    for sample in opened.ids("test"):
        # Those of bench are in the file twice.
        assert opened.captions(sample) == [wanted[sample]]
    sample = opened.ids("test")[0]
    assert opened.read(sample, ["R", "B08"])["R"].dtype == np.uint8
    assert set(opened.ids("train")) <= set(opened.present(["R", "G", "B"]))
    country = opened.attributes([sample])["country"][0]
    assert opened.captions(sample)[0].startswith(f"A patch of {country} in ")
    assert opened.fingerprint() != plain.fingerprint()


def test_captions_say_what_covers_which_side() -> None:
    classes = np.full((120, 120), 11, np.uint8)
    assert reben_txt._described(classes, "Serbia", "winter").endswith("of it is marine waters.")
    classes[:, 90:] = 1
    said = reben_txt._described(classes, "Serbia", "winter")
    assert "Most of it is marine waters, with arable land towards the right." in said
    assert "towards the left" in reben_txt._described(classes[:, ::-1], "Serbia", "winter")
    assert "towards the bottom" in reben_txt._described(classes.T, "Serbia", "winter")
    assert reben_txt._described(np.full((9, 9), 255, np.uint8), "Serbia", "winter").endswith(
        "winter."
    )


def test_several_captions_of_a_patch_are_kept_once_each(root: Path, tmp_path: Path) -> None:
    def doubled(table: pa.Table) -> pa.Table:
        other = pa.array([f"{text} Again." for text in table.column("output").to_pylist()])
        place = table.column_names.index("output")
        return pa.concat_tables([table, table.set_column(place, "output", other), table])

    opened = reben_txt.open_dataset(rewritten(root, tmp_path / "twice", doubled))
    sample = opened.ids("bench")[0]
    first, second = opened.captions(sample)
    assert second == f"{first} Again."


def test_what_is_foreign_is_refused(root: Path, tmp_path: Path) -> None:
    def column(name: str, values: Any) -> Any:
        def change(table: pa.Table) -> pa.Table:
            place = table.column_names.index(name)
            return table.set_column(place, name, pa.array([values] * table.num_rows, pa.string()))

        return change

    for number, (change, told) in enumerate(
        [
            (lambda table: table.drop_columns(["split"]), "it lacks split"),
            (column("split", "somewhere"), "'somewhere' is none of train"),
            (column("type", "binary"), "no row is of type captioning"),
            (column("output", "x" * 10_001), "10,001 characters"),
            (lambda table: column("output", None)(column("type", "captioning")(table)), "empty"),
        ]
    ):
        opened = reben_txt.open_dataset(rewritten(root, tmp_path / str(number), change))
        with pytest.raises(BenchError, match=told):
            opened.ids("train")
    (tmp_path / "0" / reben_txt.FILE).write_bytes(b"PAR1 no")
    with pytest.raises(BenchError, match="doesn't end as a Parquet file does"):
        reben_txt.open_dataset(tmp_path / "0").ids("train")
    (tmp_path / "0" / reben_txt.FILE).unlink()
    with pytest.raises(BenchError, match=r"BigEarthNet.txt.parquet is not in"):
        reben_txt.open_dataset(tmp_path / "0")
    opened = reben_txt.open_dataset(root)
    with pytest.raises(BenchError, match="no caption of nobody"):
        opened.captions("nobody")


def test_a_copy_is_verified_with_its_texts(root: Path, tmp_path: Path) -> None:
    def moved(table: pa.Table) -> pa.Table:
        place, names = table.column_names.index("patch_id"), table.column("patch_id").to_pylist()
        names[table.column("type").to_pylist().index("captioning")] = "elsewhere"
        return table.set_column(place, "patch_id", pa.array(names))

    found = {check.name: check for check in reben_txt.verify(root, 2, lambda *_: None)}
    assert found["texts"].passed
    other = rewritten(root, tmp_path / "moved", moved)
    found = {check.name: check for check in reben_txt.verify(other, 2, lambda *_: None)}
    assert not found["texts"].passed
    assert "elsewhere has a caption" in found["texts"].found


def test_its_tasks_are_those_of_captions() -> None:
    for name, shared in (("captioning", "rsicd-captioning"), ("retrieval", "retrieval")):
        task = tasks.load(f"reben-txt-{name}")
        assert (task.kind, task.baselines, task.dataset) == (name, shared, "reben-txt")
        assert task.input("clip").bands == ("R", "G", "B")
