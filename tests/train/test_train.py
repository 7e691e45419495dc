"""Training as a whole: reproducible, resumable, and the best epoch is what is kept."""

import contextlib
import multiprocessing
import multiprocessing.connection
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from bench import kinds, models
from bench.base import weights
from bench.base.errors import BenchError, RequestError
from bench.kinds.multilabel import Multilabel
from bench.models import entries
from bench.results.training_log import NAME
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from bench.spec.entry import Entry, Model
from bench.train.loop import TrainingModule
from tests.train.tiny import Memory, entry, learn

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed") / "tiny"
    learn(folder)
    return folder


class StoppedError(Exception):
    """Ends a training from within."""


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[float]], None]:
    """Replace the validation scores of the epochs; the training ends when there are no more."""

    def use(scores: list[float]) -> None:
        left = scores.copy()

        def validate(self: TrainingModule) -> float:
            if not left:
                raise StoppedError
            return left.pop(0)

        monkeypatch.setattr(TrainingModule, "validate", validate)

    return use


def test_the_same_seed_gives_the_same_bytes(undisturbed: Path, tmp_path: Path) -> None:
    again = learn(tmp_path / "again")
    assert (tmp_path / "again" / WEIGHTS).read_bytes() == (undisturbed / WEIGHTS).read_bytes()
    other = learn(tmp_path / "other", seed=8)
    assert (tmp_path / "other" / WEIGHTS).read_bytes() != (undisturbed / WEIGHTS).read_bytes()
    assert again.digest() != other.digest()


def test_the_entry_is_whole_and_says_how_it_was_trained(undisturbed: Path) -> None:
    assert {p.name for p in undisturbed.iterdir()} == {WEIGHTS, "entry.toml", "README.md", NAME}
    assert list(undisturbed.parent.iterdir()) == [undisturbed]
    task = tasks.load("reben-mlc")
    found = entries.load(undisturbed, task)
    trained = found.trained
    assert trained is not None
    assert (trained.epochs_run, trained.steps, trained.samples_seen) == (4, 16, 128)
    assert (trained.seed, trained.track, trained.task) == (7, "sample", "reben-mlc")
    model = models.build(found, 19).eval()
    assert found.weights is not None
    weights.fill(model, found.weights)
    assert _validation_score(found, model) == pytest.approx(trained.validation, abs=1e-12)


def _validation_score(found: Entry, model: torch.nn.Module) -> float:
    import pyarrow as pa

    task, data = tasks.load("reben-mlc"), Memory()
    kind = kinds.of(task)
    samples = data.ids("validation")
    batch = kind.load(data, InputPipeline(found.input, task.bands), samples)
    with torch.inference_mode():
        # The memory format of training, as it decides the last bits.
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        observed = kind.observe(model, batch)
    columns = {"sample": samples, **{k: v.numpy().tolist() for k, v in observed.items()}}
    table = pa.Table.from_pydict(columns, schema=kind.schema())
    return float(kind.measure(table)[task.primary])


def _child(folder: Path, news: "multiprocessing.connection.Connection") -> None:
    learn(folder, progress=lambda done, total, text: news.send(done))
    news.send(None)


def _train_and_kill_after(folder: Path, steps: int, delay: float) -> None:
    """Kill a training with SIGKILL a moment after its n-th step, if it gets so far."""
    context = multiprocessing.get_context("forkserver")
    # What every child would import anyway, once.
    context.set_forkserver_preload(["tests.train.tiny", "timm", "torch._dynamo"])
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(folder, there))
    process.start()
    there.close()
    with contextlib.suppress(EOFError):
        for _ in range(steps):
            if here.recv() is None:
                break
        else:
            here.poll(delay)
            process.kill()
    process.join()


@pytest.mark.parametrize("attempt", range(2))
def test_a_killed_training_ends_with_the_same_bytes(
    attempt: int, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "tiny"
    draw = random.Random(attempt)
    for steps in (draw.randint(1, 6), draw.randint(3, 9)):
        _train_and_kill_after(folder, steps, draw.random() * 0.05)
        assert not folder.exists() or (folder / "entry.toml").is_file()
    if not folder.exists():
        _train_and_kill_after(folder, 1_000, 0)
    for name in (WEIGHTS, NAME):
        assert (folder / name).read_bytes() == (undisturbed / name).read_bytes()
    assert {p.name for p in folder.iterdir()} == {WEIGHTS, "entry.toml", "README.md", NAME}


def _stop_after(steps: int) -> Callable[[int, int, str], None]:
    def progress(done: int, total: int, text: str) -> None:
        if done == steps:
            raise StoppedError

    return progress


@pytest.mark.parametrize("damage", ["truncated", "flipped bits", "all damaged"])
def test_a_damaged_checkpoint_falls_back(damage: str, undisturbed: Path, tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        learn(tmp_path / "tiny", progress=_stop_after(13))
    (partial,) = tmp_path.glob("tiny.*.partial")
    older, newer = sorted(partial.glob("*.ckpt"))
    content = newer.read_bytes()
    if damage == "flipped bits":
        middle = len(content) // 2
        newer.write_bytes(content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :])
    else:
        newer.write_bytes(content[: len(content) // 2])
    if damage == "all damaged":
        older.write_bytes(b"")
    steps: list[int] = []
    learn(tmp_path / "tiny", progress=lambda done, total, text: steps.append(done))
    assert steps[0] == (1 if damage == "all damaged" else 9)
    assert (tmp_path / "tiny" / WEIGHTS).read_bytes() == (undisturbed / WEIGHTS).read_bytes()


def test_an_entry_that_only_needs_its_place_is_not_trained_again(
    undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: Any) -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr("bench.train.folder.WorkFolder.deliver", killed)
        with pytest.raises(StoppedError):
            learn(tmp_path / "tiny")
    steps: list[int] = []
    found = learn(tmp_path / "tiny", progress=lambda done, total, text: steps.append(done))
    assert steps == []
    assert found.folder == tmp_path / "tiny"
    assert (tmp_path / "tiny" / WEIGHTS).read_bytes() == (undisturbed / WEIGHTS).read_bytes()


def test_ctrl_c_leaves_what_can_be_continued(undisturbed: Path, tmp_path: Path) -> None:
    def interrupt(done: int, total: int, text: str) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(tmp_path / "tiny", progress=interrupt)
    steps: list[int] = []
    learn(tmp_path / "tiny", progress=lambda done, total, text: steps.append(done))
    assert steps[0] == 5
    assert (tmp_path / "tiny" / WEIGHTS).read_bytes() == (undisturbed / WEIGHTS).read_bytes()


def test_another_training_does_not_continue_this_one(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        learn(tmp_path / "tiny", progress=_stop_after(6))
    steps: list[int] = []
    learn(
        tmp_path / "tiny",
        entry(learning_rate=1e-3),
        progress=lambda done, total, text: steps.append(done),
    )
    assert steps[0] == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "tiny"]


def test_the_best_epoch_is_exported_not_the_last(
    scored: Callable[[list[float]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scored([0.1, 0.5, 0.4, 0.3])
    found = learn(tmp_path / "best")
    assert found.trained is not None
    assert (found.trained.validation, found.trained.epochs_run) == (0.5, 4)
    scored([0.1, 0.5])
    with pytest.raises(StoppedError):
        learn(tmp_path / "stopped")
    (partial,) = tmp_path.glob("stopped.*.partial")
    state = torch.load(partial / "epoch-00002.ckpt", weights_only=True)["state_dict"]
    exported = load_file(tmp_path / "best" / WEIGHTS)
    assert {f"network.{name}" for name in exported} == set(state)
    assert all(torch.equal(state[f"network.{name}"], tensor) for name, tensor in exported.items())


def test_it_stops_when_patience_is_at_an_end(
    scored: Callable[[list[float]], None], tmp_path: Path
) -> None:
    scored([0.3, 0.2, 0.3, 0.9])
    found = learn(tmp_path / "tiny", entry(patience=2))
    assert found.trained is not None
    # An equal score is no better one.
    assert (found.trained.epochs_run, found.trained.validation) == (3, 0.3)


@pytest.mark.parametrize(
    ("patience", "scores", "epochs", "best"),
    [
        # After epochs 2, 4 and the last one.
        (5, [0.1, 0.2, 0.3], 5, 0.3),
        (5, [0.1, 0.3, 0.2], 5, 0.3),
        # Two epochs without a better score are found at the next look.
        (1, [0.3, 0.2], 4, 0.3),
        (3, [0.3, 0.2, 0.1], 5, 0.3),
    ],
)
def test_the_validation_split_is_looked_at_every_few_epochs(
    patience: int,
    scores: list[float],
    epochs: int,
    best: float,
    scored: Callable[[list[float]], None],
    tmp_path: Path,
) -> None:
    scored(scores)
    found = learn(tmp_path / "tiny", entry(epochs=5, patience=patience, validate_every=2))
    assert found.trained is not None
    assert (found.trained.epochs_run, found.trained.validation) == (epochs, best)


def test_a_training_killed_between_two_looks_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rare = entry(epochs=5, patience=5, validate_every=2)
    learn(tmp_path / "undisturbed", rare)
    real = TrainingModule.training_step

    def killed(self: TrainingModule, *args: Any) -> Any:
        if self.current_epoch == 3:
            raise StoppedError
        return real(self, *args)

    with monkeypatch.context() as patch, pytest.raises(StoppedError):
        patch.setattr(TrainingModule, "training_step", killed)
        learn(tmp_path / "tiny", rare)
    learn(tmp_path / "tiny", rare)
    one, other = (tmp_path / name / WEIGHTS for name in ("undisturbed", "tiny"))
    assert one.read_bytes() == other.read_bytes()


def test_a_killed_training_that_had_stopped_early_trains_no_further(
    scored: Callable[[list[float]], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(self: Any, *args: Any) -> None:
        raise StoppedError

    scored([0.3, 0.2])
    with monkeypatch.context() as patch:
        patch.setattr("bench.train.folder.WorkFolder.export", killed)
        with pytest.raises(StoppedError):
            learn(tmp_path / "tiny", entry(patience=1))
    steps: list[int] = []
    found = learn(
        tmp_path / "tiny",
        entry(patience=1),
        progress=lambda done, total, text: steps.append(done),
    )
    assert steps == []
    assert found.trained is not None
    assert (found.trained.epochs_run, found.trained.validation) == (2, 0.3)


def test_a_loss_that_is_not_a_number_names_epoch_and_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Multilabel.loss, iter(range(1_000))

    def loss(*args: Any) -> torch.Tensor:
        value = real(*args)
        return value * float("nan") if next(calls) == 5 else value

    monkeypatch.setattr(Multilabel, "loss", loss)
    with pytest.raises(BenchError, match=r"epoch 2, step 2 of 4.*learning rate"):
        learn(tmp_path / "tiny")
    assert not (tmp_path / "tiny").exists()


def test_the_primary_score_must_be_defined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    undefined = {"ap_macro": np.float64("nan")}
    monkeypatch.setattr(Multilabel, "measure", lambda *args: undefined)
    with pytest.raises(BenchError, match="ap_macro is undefined on the 20 validation samples"):
        learn(tmp_path / "tiny")


def test_training_needs_the_whole_split(tmp_path: Path) -> None:
    data = Memory()
    whole = data.present(())
    data.present = lambda bands: [s for s in whole if s != "t003"]  # type: ignore[method-assign]
    with pytest.raises(BenchError, match=r"1 are not on disk, first t003"):
        learn(tmp_path / "tiny", data=data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cuda:0", "devices": 2}, "one device, not 2"),
        ({"device": "cpu", "precision": "8-bit"}, "8-bit"),
        ({"device": "abacus"}, "abacus"),
        ({"device": "cpu", "devices": 3}, "3 devices can't share batches of 8"),
    ],
)
def test_requests_that_cannot_be_met(options: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=message):
        learn(tmp_path / "tiny", **options)


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "note").write_text("mine")
    with pytest.raises(RequestError, match="exists already"):
        learn(tmp_path)
    assert (tmp_path / "note").read_text() == "mine"


def test_matmul_precision_and_logging_are_what_they_were(tmp_path: Path, capfd: Any) -> None:
    before = torch.get_float32_matmul_precision()
    learn(tmp_path / "tiny", entry(matmul_precision="medium", epochs=1))
    assert torch.get_float32_matmul_precision() == before
    assert capfd.readouterr() == ("", "")


def test_a_baseline_architecture_in_half_precision(tmp_path: Path) -> None:
    made = entry(epochs=1).model_copy(update={"model": Model(architecture="timm:test_vit")})
    found = learn(tmp_path / "tiny", made, precision="bf16-mixed")
    assert found.weights is not None
    assert all(t.dtype != torch.bfloat16 for t in load_file(found.weights).values())


@pytest.fixture
def two_processes(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "tiny"
    command = [sys.executable, "-m", "tests.train.tiny", str(folder), "2"]
    root = Path(__file__).resolve().parents[2]
    subprocess.run(command, cwd=root, check=True, timeout=300, capture_output=True)
    yield folder


def test_two_processes_share_the_batches_of_the_recipe(two_processes: Path) -> None:
    found = entries.load(two_processes, tasks.load("reben-mlc"))
    assert found.trained is not None
    assert (found.trained.steps, found.trained.samples_seen) == (16, 128)
    assert found.weights is not None
    weights.fill(models.build(found, 19), found.weights)
