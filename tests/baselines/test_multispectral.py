"""Alignment with CLIP: which weights go where, and which of them learn."""

from pathlib import Path

import pytest
import torch
from torch import nn

import bench.base.torch_setup  # noqa: F401
from bench import kinds, models
from bench.base import weights
from bench.base.errors import RequestError
from bench.kinds.common.batch import Batch
from bench.models import entries
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
