"""BLIP-2 with adapters: what learns, what is kept, and that it learns."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import bench.base.torch_setup  # noqa: F401
from bench import models
from bench.base import weights
from bench.base.errors import BenchError, RequestError
from bench.evaluate import trial
from bench.models import entries
from bench.models.baseline import _load, build
from bench.spec import task as tasks

transformers = pytest.importorskip("transformers", reason="BLIP-2 needs transformers")
pytest.importorskip("peft", reason="adapters need peft")

TASK = tasks.load("gaia-captioning")
SIDE = 64
COLOURS = {"a red field": (1, 0, 0), "green woods": (0, 1, 0), "a lake": (0, 0, 1)}
TINY = {"dropout": 0.0, "width": 32, "layers": 1, "heads": 2, "queries": 2, "pieces": 600}
blip2 = _load("architectures.blip2")


def contract(side: int = SIDE) -> Any:
    return TASK.input("clip").model_copy(update={"size": side})


def made(**changes: Any) -> Any:
    torch.manual_seed(0)
    given = TINY | {"beams": 2, "length": 12} | changes
    return build("architectures.blip2.Adapted", given, contract(), 0)


def pictures(count: int = 6) -> tuple[torch.Tensor, list[list[str]]]:
    said = [list(COLOURS)[n % len(COLOURS)] for n in range(count)]
    plain = torch.tensor([COLOURS[name] for name in said], dtype=torch.float32)
    return plain[:, :, None, None].expand(-1, 3, SIDE, SIDE).contiguous(), [[s] for s in said]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BLIP-2 as save_pretrained leaves one."""
    folder = tmp_path_factory.mktemp("base")
    torch.manual_seed(1)
    small = blip2._small(SIDE, 32, 1, 2, 2, 600)
    small.network.save_pretrained(folder)
    small.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def data(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path_factory.getbasetemp() / "adapted-data"))


def steps(network: Any, count: int, rate: float) -> float:
    images, said = pictures()
    learnt = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learnt, lr=rate)
    for _ in range(count):
        loss = network.loss(images, said)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return float(loss.detach())


def test_the_small_one_learns_to_name_colours() -> None:
    torch.set_num_threads(1)
    network = made(width=64)
    assert all(p.requires_grad for p in network.parameters())
    assert steps(network, 80, 3e-3) < 0.05
    network.eval()
    images, said = pictures()
    with torch.inference_mode():
        assert network.caption(images) == [one for (one,) in said]


def test_the_loss_is_of_each_piece_and_the_end_given_those_before() -> None:
    network = made().eval()
    images, _ = pictures(2)
    whole = network.model
    text = whole.network.config.text_config
    captions = [["a lake"], ["green woods and a red field"]]
    with torch.inference_mode():
        total, count = 0.0, 0
        for image, (caption,) in zip(images, captions, strict=True):
            pieces = whole.tokenizer(caption, add_special_tokens=False).input_ids[:11]
            ids = [3, 3, text.bos_token_id]
            for piece in (*pieces, text.eos_token_id):
                scores = whole.network(
                    pixel_values=image[None], input_ids=torch.tensor([ids])
                ).logits[0, -1]
                total -= float(scores.log_softmax(0)[piece])
                count += 1
                ids.append(piece)
        assert float(network.loss(images, captions)) == pytest.approx(total / count, rel=1e-4)
        several = network.loss(images[:1], [["a lake", "a red field"]])
        torch.testing.assert_close(
            several, network.loss(images[[0, 0]], [["a lake"], ["a red field"]])
        )
    # What is longer than a caption may become is cut, and still learnt.
    assert float(network.loss(images[:1], [["a lake " * 40]]).detach()) > 0


def test_of_a_base_only_adapters_are_learnt_and_kept(base: Path, tmp_path: Path) -> None:
    network = made(base=str(base)).train()
    whole = network._base[0].network
    before = {name: tensor.clone() for name, tensor in whole.state_dict().items()}
    images, _ = pictures()
    names = set(network.state_dict())
    assert names - {"base"} == {n for n in names if n.startswith("adapters.") and "lora_" in n}
    assert len(names) == 1 + 2 * 2  # a pair of matrices for queries and one for values
    # Adapters begin at nothing.
    plain = blip2.loaded(str(base))[0].eval()
    plain.beams, plain.tokens = 2, 12
    with torch.inference_mode():
        assert network.eval().caption(images) == plain.caption(images)
    first = float(network.train().loss(*pictures()).detach())
    assert steps(network, 30, 2e-2) < first
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, before[name]) != ("lora_" in name), name
    # An entry of them is small, and says the same on the same base.
    weights.save(network, tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").stat().st_size < 30_000
    again = made(base=str(base))
    weights.fill(again, tmp_path / "model.safetensors")
    with torch.inference_mode():
        wanted = network.eval().loss(*pictures())
        torch.testing.assert_close(again.eval().loss(*pictures()), wanted)
        assert not torch.allclose(plain.loss(*pictures()), wanted, atol=1e-3)
    again.base[0] += 1
    with pytest.raises(BenchError, match="another base"):
        again.caption(images)


def test_only_adapters_drop_out_and_the_base_moves_with_them(base: Path) -> None:
    network = made(base=str(base), dropout=0.5)
    for mode in (True, False):
        network.train(mode)
        inner = network._base[0].network
        modes = {layer.training for name, layer in inner.named_modules() if "dropout" in name}
        assert modes <= {mode, False}
        assert not inner.vision_model.training
    network.double()
    own = {id(p) for p in network.parameters()}
    shared = {id(p) for p in inner.parameters() if p.requires_grad}
    assert own == shared
    assert inner.query_tokens.dtype == torch.float64


def test_the_entry_is_of_gaia_and_says_what_isnt_known() -> None:
    found = entries.baseline("blip2-lora", TASK)
    assert set(found.recipe) == {"official", "sample"}
    assert found.on("official").model.arguments["base"] == "Salesforce/blip2-opt-2.7b"
    assert "aren't known" in found.note
    assert "blip2-lora" not in [
        name for name, _, _ in entries.baselines(tasks.load("levir-cc-captioning"))
    ]
    assert "transformer" in [name for name, _, _ in entries.baselines(TASK)]


def test_the_official_entry_is_tried_without_its_base(monkeypatch: pytest.MonkeyPatch) -> None:
    def fetched(rest: str) -> None:
        raise AssertionError(f"{rest} was fetched")

    monkeypatch.setattr(blip2, "loaded", fetched)
    found = entries.baseline("blip2-lora", TASK).on("official")
    trial.attempt(found, TASK, "official")


def test_what_does_not_fit_is_refused(base: Path, tmp_path: Path) -> None:
    found = entries.baseline("blip2-lora", TASK).on("sample")
    pair = tasks.load("levir-cc-captioning").input("pair")
    with pytest.raises(RequestError, match="single pictures in RGB, found 6"):
        models.build(found.model_copy(update={"input": pair}), 0)
    with pytest.raises(RequestError, match="takes 64 px"):
        build("architectures.blip2.Adapted", {"base": str(base)}, contract(32), 0)
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in base.iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    (broken / "config.json").write_text(json.dumps({"model_type": "opt"}))
    with pytest.raises(BenchError, match="model_type"):
        build("architectures.blip2.Adapted", {"base": str(broken)}, contract(), 0)
