"""Architectures of timm: the published ones, and what is refused."""

import tomllib
from typing import Any

import pytest
import torch

from bench import models
from bench.base.errors import RequestError
from bench.base.paths import shipped
from bench.evaluate import manifests
from bench.models import entries
from bench.models import timm as source
from bench.results.records import EntryRecord
from bench.spec import task as tasks
from bench.spec.entry import Entry, Model

TASK = tasks.load("reben-mlc")

# Millions of parameters with two, ten and twelve channels and 19 outputs. Published: model cards of
# BIFOLD-BigEarthNetv2-0 (for ConvMixer the size of the file in megabytes, four bytes a parameter).
PUBLISHED = {
    "resnet50": (None, None, 23.6),
    "resnet101": (None, None, 42.7),
    "mixer_b16_224": (57.6, 59.1, 59.5),
    "vit_base_patch8_224": (85.3, 85.7, 85.8),
    "mobilevit_s": (None, None, 4.96),
    "convnextv2_base": (None, None, 87.7),
    "convmixer_768_32": (81.7 / 4, 82.9 / 4, 83.2 / 4),
}


def _entry(name: str, **arguments: object) -> Entry:
    made = source.entry(name, TASK)
    model = Model(architecture=made.model.architecture, arguments=arguments)  # type: ignore[arg-type]
    return made.model_copy(update={"model": model})


@pytest.mark.parametrize(("place", "given"), list(enumerate(["s1", "s2", "s1s2"])))
def test_baselines_take_every_input_and_have_the_published_sizes(place: int, given: str) -> None:
    # The one that shuffles pixels looks at values, of which there are none on this device.
    names = sorted(
        {p.parent.name for p in shipped("baselines").glob(f"{TASK.name}/*/entry.toml")}
        - {"resnet18-shuffled"}
    )
    assert set(names) >= set(PUBLISHED) | {"resnet18"}
    for name in names:
        made = entries.baseline(f"{name}-{given}", TASK)
        with torch.device("meta"):
            model = models.build(made, 19).eval()
            images = torch.empty(2, len(made.input.bands), 120, 120)
            assert model(images).shape == (2, 19), name
        expected = PUBLISHED.get(name, (None, None, None))[place]
        if expected is not None:
            found = sum(p.numel() for p in model.parameters()) / 1e6
            assert found == pytest.approx(expected, rel=0.006), name


@pytest.mark.parametrize("name", ["resnet18", "mobilevit_s"])
def test_small_baselines_compute(name: str) -> None:
    torch.manual_seed(0)
    model = models.build(entries.baseline(f"{name}-s1", TASK), 19).eval()
    with torch.inference_mode():
        logits = model(torch.randn(2, 2, 120, 120))
    assert logits.shape == (2, 19)
    assert torch.isfinite(logits).all()


def test_vit_cuts_120_px_into_225_patches() -> None:
    with torch.device("meta"):
        model = models.build(entries.baseline("vit_base_patch8_224-s1", TASK), 19)
    assert model.get_parameter("pos_embed").shape[1] == 225 + 1


def test_arguments_of_the_protocol_are_kept_where_they_are_known() -> None:
    arguments = tomllib.loads(
        (shipped("baselines") / TASK.name / "resnet50" / "entry.toml").read_text()
    )["model"]["arguments"]
    with torch.device("meta"):
        # A ResNet knows no img_size, a VGG no drop_path_rate either.
        # A PoolFormer refuses it in words of its own.
        for name in ("resnet18", "vgg11", "poolformer_s12"):
            model: Any = models.build(_entry(name, **arguments), 19)
            assert model.drop_rate == 0.15


def test_an_entry_names_model_input_and_recipes() -> None:
    made = source.entry("resnet18/s1", TASK)
    assert made.name == "timm-resnet18-s1"
    assert made.input == TASK.input("s1")
    assert set(made.recipe) == {"official", "sample"}
    assert source.entry("resnet18", TASK).input == TASK.input(TASK.inputs[0])
    assert models.find("timm:resnet18/s1", TASK) == made


def test_unknown_names_get_suggestions() -> None:
    with pytest.raises(RequestError, match=r"unknown timm model 'resnet5O'.*did you mean"):
        source.entry("resnet5O", TASK)
    with pytest.raises(RequestError, match="unknown input 's3'"):
        source.entry("resnet18/s3", TASK)
    with pytest.raises(RequestError, match="unknown timm model"):
        source.entry("hf-hub:someone/model", TASK)


@pytest.mark.parametrize(
    "name", ["pretrained", "pretrained_cfg", "checkpoint_path", "in_chans", "num_classes"]
)
def test_what_the_harness_decides_is_no_argument(name: str) -> None:
    with pytest.raises(RequestError, match="not for an entry to choose"):
        models.build(_entry("resnet18", **{name: "x"}), 19)


def test_arguments_the_model_does_not_know_are_refused() -> None:
    with pytest.raises(RequestError, match="takes no argument wings"):
        models.build(_entry("resnet18", wings=2), 19)


def test_values_the_model_cannot_take_are_refused() -> None:
    with pytest.raises(RequestError, match=r"can't be built for 10 channels of 120 px with .*much"):
        models.build(_entry("resnet18", output_stride="much"), 19)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "resmlp_12_224", "mixer_s16_224"])
def test_patches_must_fit_the_image(name: str) -> None:
    with torch.device("meta"), pytest.raises(RequestError, match=r"patches of 16 px, which 120 px"):
        models.build(_entry(name), 19)


@pytest.mark.parametrize(
    ("name", "patch", "margin"), [("mixer_b16_224", 16, 8), ("convmixer_768_32", 7, 1)]
)
def test_what_a_published_architecture_does_not_see_is_said(
    name: str, patch: int, margin: int
) -> None:
    entry = entries.baseline(f"{name}-s1", TASK)
    with torch.device("meta"):
        model = models.build(entry, 19)
    assert source._patch(model) == (patch, patch)
    said = models.remarks(entry.model, entry.input)
    assert len(said) == 1
    assert f"patches of {patch} px, as published: {margin} px at the right" in said[0]
    fitting = entry.input.model_copy(update={"size": 112})
    assert models.remarks(entry.model, fitting) == []


def test_a_manifest_says_what_its_model_does_not_see() -> None:
    contract = TASK.input("s1").model_dump(mode="json")
    hashes = {"name": "e", "digest": "d", "weights_sha256": ""}
    entry = hashes | {"model": {"architecture": "timm:mixer_b16_224"}, "input": contract}
    assert "8 px" in manifests._of_model(EntryRecord.model_validate(entry))[0]
    handed_in = EntryRecord.model_validate(hashes | {"predictions": {"file": "x"}})
    assert manifests._of_model(handed_in) == []


def test_a_type_error_of_the_model_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **arguments: object) -> None:
        raise TypeError("unsupported operand")

    monkeypatch.setattr("timm.create_model", broken)
    with pytest.raises(RequestError, match="TypeError: unsupported operand"):
        models.build(_entry("resnet18", drop_rate=0.1), 19)
