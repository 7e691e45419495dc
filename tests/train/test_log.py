"""The log of a training, beside the weights and in other packages' formats."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.base.errors import BenchError, RequestError
from bench.results import training_log
from bench.train import log
from bench.train.loop import TrainingModule
from tests.tiny import brief
from tests.train.tiny import entry, learn
from tests.typed import Prompt

_BLOCK = 1 << 15


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Validation scores that are known."""
    scores = iter([0.25, 0.5, 0.125, 0.375])
    monkeypatch.setattr(TrainingModule, "validate", lambda self: next(scores))


@pytest.mark.usefixtures("scored")
def test_the_log_has_a_row_for_each_epoch(tmp_path: Path) -> None:
    learn(tmp_path / "tiny")
    path = tmp_path / "tiny" / training_log.NAME
    assert path.read_text().splitlines()[0] == ",".join(training_log.COLUMNS)
    rows = training_log.read(path)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert [row["step"] for row in rows] == [4, 8, 12, 16]
    assert [row["validation"] for row in rows] == [0.25, 0.5, 0.125, 0.375]
    rates = [row["learning_rate"] for row in rows]
    assert rates[0] == pytest.approx(3e-3, rel=0.1)
    assert rates == sorted(rates, reverse=True)


def test_the_loss_is_the_mean_over_the_steps_of_the_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses: list[float] = []
    step = TrainingModule.training_step

    def kept(self, batch, batch_idx):  # type: ignore[no-untyped-def]
        loss = step(self, batch, batch_idx)
        losses.append(float(loss))
        return loss

    monkeypatch.setattr(TrainingModule, "training_step", kept)
    learn(tmp_path / "tiny", entry(epochs=2))
    rows = training_log.read(tmp_path / "tiny" / training_log.NAME)
    for index, row in enumerate(rows):
        assert row["training_loss"] == pytest.approx(sum(losses[4 * index : 4 * index + 4]) / 4)


def test_an_epoch_that_was_not_validated_has_no_score(tmp_path: Path) -> None:
    learn(tmp_path / "tiny", entry(validate_every=2))
    rows = training_log.read(tmp_path / "tiny" / training_log.NAME)
    assert [row["validation"] is None for row in rows] == [True, False, True, False]


@pytest.mark.parametrize(
    "text",
    ["", "epoch,step\n1,2\n", "epoch,step,learning_rate,training_loss,validation\n1,2,3,nan,\n"],
)
def test_another_file_is_no_log(tmp_path: Path, text: str) -> None:
    path = tmp_path / training_log.NAME
    path.write_text(text)
    if text:
        with pytest.raises(BenchError, match="is no log of a training"):
            training_log.read(path)
    else:
        assert training_log.read(path) == []


@pytest.mark.usefixtures("scored")
def test_tensorboard_reads_what_is_logged(tmp_path: Path) -> None:
    reader = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator",
        reason="tensorboard is not installed: pip install tensorboard",
    )
    learn(tmp_path / "tiny", log=[f"tensorboard:{tmp_path / 'logs'}"])
    found = reader.EventAccumulator(str(tmp_path / "logs" / "tiny"))
    found.Reload()
    events = found.Scalars("validation_ap_macro")
    assert [(event.step, event.value) for event in events] == [
        *((4, 0.25), (8, 0.5)),
        *((12, 0.125), (16, 0.375)),
    ]
    rows = training_log.read(tmp_path / "tiny" / training_log.NAME)
    losses = [event.value for event in found.Scalars("training_loss")]
    assert losses == pytest.approx([row["training_loss"] for row in rows])


@pytest.mark.usefixtures("scored")
def test_mlflow_reads_what_is_logged(tmp_path: Path) -> None:
    mlflow = pytest.importorskip(
        "mlflow", reason="mlflow is not installed: pip install mlflow-skinny"
    )
    learn(tmp_path / "tiny", log=[f"mlflow:{tmp_path / 'runs'}"])
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "runs").as_uri())
    (experiment,) = client.search_experiments(filter_string="name = 'rs-bench'")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.run_name, run.info.status) == ("tiny", "FINISHED")
    history = client.get_metric_history(run.info.run_id, "validation_ap_macro")
    assert [(one.step, one.value) for one in history] == [
        *((4, 0.25), (8, 0.5)),
        *((12, 0.125), (16, 0.375)),
    ]


def records(content: bytes) -> Iterator[bytes]:
    """The records of a log of LevelDB behind a header of seven bytes, as wandb writes it."""
    place, whole = 7, b""
    while place + 7 <= len(content):
        if (left := -place % _BLOCK) and left < 7:
            place += left
        length, kind = struct.unpack_from("<HB", content, place + 4)
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        # Whole, or the last part.
        if kind in (1, 4):
            yield whole
            whole = b""


@pytest.mark.usefixtures("scored")
def test_wandb_keeps_what_is_logged_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed: pip install wandb")
    from wandb.proto import wandb_internal_pb2

    monkeypatch.setenv("WANDB_SILENT", "true")
    learn(tmp_path / "tiny", log=[f"wandb:{tmp_path / 'logs'}"])
    (path,) = (tmp_path / "logs").glob("wandb/offline-run-*/run-*.wandb")
    found = []
    for data in records(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        items = {
            item.key or item.nested_key[0]: json.loads(item.value_json)
            for item in record.history.item
        }
        if "validation_ap_macro" in items:
            found.append(items["validation_ap_macro"])
    assert found == [0.25, 0.5, 0.125, 0.375]


@pytest.mark.parametrize("asked", ["tensorboard", "tensorboard:", "comet:logs", ""])
def test_another_logger_is_refused(tmp_path: Path, asked: str) -> None:
    with pytest.raises(RequestError, match="expected --log NAME:FOLDER") as refused:
        learn(tmp_path / "tiny", log=[asked])
    assert "tensorboard" in refused.value.hint


def test_a_package_that_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(folder: str, name: str) -> None:
        raise ModuleNotFoundError("no module")

    monkeypatch.setitem(log.LOGGERS, "wandb", missing)
    with pytest.raises(RequestError, match="--log wandb needs wandb") as refused:
        learn(tmp_path / "tiny", log=["wandb:logs"])
    assert refused.value.hint == "pip install wandb"


def test_a_place_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed: pip install mlflow-skinny")
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="mlflow can't log to"):
        learn(tmp_path / "tiny", log=[f"mlflow:{tmp_path / 'file'}"])


def test_a_run_keeps_the_log_of_its_training(bench: Prompt, sample_data: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    brief(bench.folder / "recipe", epochs=2)
    typed = "--task reben-mlc --model recipe --track sample"
    bench.in_process(f"train {typed} --log tensorboard:logs")
    assert list(bench.folder.glob("logs/brief-sample-0-*/events.*"))
    (path,) = bench.folder.glob("results/entries/reben-mlc/*/log.csv")
    kept = bench.in_process(f"run {typed} --json").json()["entry"]["trained"]["history"]
    assert [row["epoch"] for row in kept] == [1, 2]
    assert kept == training_log.read(path)
    bench.in_process("plot reben-mlc.brief --kind curves --out curves.svg")
    assert "Training loss" in (bench.folder / "curves.svg").read_text()
    refused = bench.in_process("train --task ucm --model no-such --log comet:logs", 2)
    assert "expected --log NAME:FOLDER, found 'comet:logs'" in refused.stderr
