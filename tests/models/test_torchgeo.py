"""Encoders of torchgeo: what builds, what each is fed with, and how weights get here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.base.errors import BenchError, RequestError
from bench.models import encoders
from bench.models import torchgeo as source
from bench.spec import task as tasks
from bench.spec.task import Task
from tests.hub.server import Hub, serving
from tests.typed import Prompt

REBEN, RSICD = tasks.load("reben-mlc"), tasks.load("rsicd-retrieval")
SOFTCON = "torchgeo:vit_small_patch14_dinov2@SENTINEL1_GRD_SOFTCON"
COMMIT = "bae909781911f8ec034b4b959992fae17b973c0c"

SMALL = {
    "resnet18": 512,
    "swin_v2_t": 768,
    "vit_small_patch16_224": 384,
    "vit_small_patch14_dinov2": 384,
    "dofa_small_patch16_224": 384,
}
LARGE = {
    "resnet50": 2048,
    "resnet152": 2048,
    "swin_t": 768,
    "swin_s": 768,
    "swin_b": 1024,
    "swin_v2_b": 1024,
    "vit_base_patch16_224": 768,
    "vit_base_patch14_dinov2": 768,
    "vit_large_patch16_224": 1024,
    "vit_huge_patch14_224": 1280,
    "dofa_base_patch16_224": 768,
    "dofa_large_patch16_224": 1024,
    "dofa_huge_patch14_224": 1280,
    "croma_base": 768,
    "croma_large": 1024,
    "panopticon_vitb14": 768,
    "copernicusfm_base": 768,
    "scalemae_large_patch16": 1024,
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    with serving(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def publish(hub: Hub, repository: str, commit: str, name: str, state: object) -> None:
    """A pickle at a commit that torchgeo names."""
    for folder in (
        hub.root / repository,
        hub.root / ".past" / f"{repository.replace('/', '--')}@{commit}",
    ):
        folder.mkdir(parents=True)
        torch.save(state, folder / name)


def check_builds(name: str, width: int, task: Task, given: str | None) -> None:
    found = encoders.find(f"torchgeo:{name}", task, given=given)
    network: Any = encoders.network(found)
    side = found.input.size or 224
    with torch.inference_mode():
        images = torch.randn(1, len(found.input.bands), side, side)
        assert network.features(images, "pooled").shape == (1, width)
        grid = network.features(images, "map")
    assert grid.shape[2] == grid.shape[3] > 1
    assert torch.isfinite(grid).all()


@pytest.mark.parametrize("name", SMALL)
def test_small_ones_build_for_any_bands(name: str) -> None:
    check_builds(name, SMALL[name], REBEN, "s1s2")


@pytest.mark.soak
@pytest.mark.parametrize("name", LARGE)
def test_large_ones_build(name: str) -> None:
    task, given = (RSICD, None) if name.startswith("scalemae") else (REBEN, "s1s2")
    check_builds(name, LARGE[name], task, given)


def test_every_encoder_of_torchgeo_is_tried() -> None:
    import torchgeo.models

    known = {name for name in torchgeo.models.list_models() if source._KNOWN.fullmatch(name)}
    assert known == set(SMALL) | set(LARGE)


def test_channels_are_filled_from_the_contract() -> None:
    dofa: Any = _meta("torchgeo:dofa_small_patch16_224", REBEN, "s1s2")
    bands = encoders.find("torchgeo:dofa_small_patch16_224", REBEN, given="s1s2").input.bands
    waves = dict(zip(bands, dofa.described["wavelengths"], strict=True))
    assert (waves["VV"], waves["B02"]) == (3.75, pytest.approx(0.4924))
    panopticon: Any = _meta("torchgeo:panopticon_vitb14", REBEN, "s1")
    assert panopticon.identities == [-1, -2]
    fm: Any = _meta("torchgeo:copernicusfm_base", REBEN, "s1s2")
    assert fm.described["wavelengths"][:3] == [5e7, 5e7, 490]
    assert fm.described["bandwidths"][:3] == [1e9, 1e9, 65]
    scale: Any = _meta("torchgeo:scalemae_large_patch16", REBEN, "s2")
    assert scale.network.res == 10


def _meta(name: str, task: Task, given: str) -> torch.nn.Module:
    with torch.device("meta"):
        return encoders.built(encoders.find(name, task, given=given))


def test_croma_takes_a_sensor_as_a_whole() -> None:
    found = encoders.find("torchgeo:croma_base", REBEN, given="s1s2")
    # The ten bands of the task are a part of its twelve, so that it sees radar alone.
    assert list(found.channels) == ["VV", "VH"]
    assert (found.normalisation, found.input.size) == ("task", 120)
    with pytest.raises(RequestError, match=r"needs all of VV\+VH or of B1\+B2"):
        encoders.find("torchgeo:croma_base", REBEN, given="s2")


def test_statistics_are_those_of_torchgeo() -> None:
    stated = source.checkpoint("resnet50@SENTINEL1_ALL_MOCO")
    assert [(c.name, c.unit, c.mean, c.std) for c in stated.channels] == [
        ("VV", "dB", -12.59, 5.26),
        ("VH", "dB", -20.26, 5.91),
    ]
    assert (stated.size, stated.statistics) == (224, "torchgeo SENTINEL1_ALL_MOCO")
    assert stated.pickled is not None
    assert stated.pickled.sha256 == "906e4356"
    stated = source.checkpoint("resnet18@SENTINEL2_RGB_MOCO")
    assert [(c.name, c.mean, c.std) for c in stated.channels] == [
        ("B4", 0, 10_000),
        ("B3", 0, 10_000),
        ("B2", 0, 10_000),
    ]
    stated = source.checkpoint("resnet50@FMOW_RGB_GASSL")
    assert stated.channels[0].mean == pytest.approx(0.485)
    assert stated.channels[2].std == pytest.approx(0.225)


def test_every_usable_list_of_weights_has_its_bands_and_its_place() -> None:
    import torchgeo.models

    usable = 0
    for name in [*SMALL, *LARGE]:
        try:
            tags = [one.name for one in torchgeo.models.get_model_weights(name)]
        except KeyError:
            continue
        for tag in tags:
            try:
                stated = source.checkpoint(f"{name}@{tag}")
            except RequestError as error:
                assert "doesn't say which bands" in str(error)
                continue
            usable += 1
            assert stated.pickled is not None and stated.pickled.on_hub is not None
            if stated.channels and stated.statistics:
                assert len({channel.name for channel in stated.channels}) == len(stated.channels)
    assert usable > 40


def test_missing_bands_and_unknown_names_are_refused_before_anything_is_fetched(hub: Hub) -> None:
    with pytest.raises(RequestError, match=r"needs B1 \(443 nm\), B9 .*B10 \(1374 nm\)"):
        encoders.find("torchgeo:resnet18@SENTINEL2_ALL_MOCO", REBEN, given="s2")
    with pytest.raises(RequestError, match=r"unknown encoder of torchgeo 'resnet19'.*did you mean"):
        encoders.find("torchgeo:resnet19", REBEN)
    with pytest.raises(RequestError, match="unknown weights of torchgeo:resnet18 'SENTINEL2_ALL'"):
        encoders.find("torchgeo:resnet18@SENTINEL2_ALL", REBEN)
    with pytest.raises(RequestError, match=r"doesn't say which bands.*: SENTINEL2_ALL_MOCO"):
        encoders.find("torchgeo:resnet18@LANDSAT_TM_TOA_MOCO", REBEN)
    with pytest.raises(BenchError, match="only published as a pickle") as refused:
        encoders.find(SOFTCON, REBEN, given="s1")
    assert f"bench convert --encoder {SOFTCON} --i-trust-this-file" in str(refused.value.hint)
    assert not hub.seen


def test_weights_come_from_the_pinned_revision(hub: Hub, bench: Prompt, tmp_path: Path) -> None:
    from timm import create_model

    own = create_model("vit_small_patch14_dinov2", in_chans=2, img_size=224, num_classes=0).eval()
    publish(hub, "wangyi111/softcon", COMMIT, "B2_vits14_softcon_enc.pth", own.state_dict())
    line = f"convert --encoder {SOFTCON}"
    assert "isn't opened unless you say so" in bench.in_process(line, code=2).stderr
    kept = str(tmp_path / "weights")
    shown = bench.in_process(f"{line} --i-trust-this-file", BENCH_WEIGHTS=kept)
    assert "converted the weights of" in shown.stdout
    assert hub.fetched == ["B2_vits14_softcon_enc.pth"]
    hub.refuse = 500
    found = encoders.find(SOFTCON, REBEN, given="s1")
    assert found.weights is not None
    assert COMMIT in found.weights.source
    network: Any = encoders.network(found)
    images = torch.randn(1, 2, 224, 224)
    with torch.inference_mode():
        torch.testing.assert_close(network.features(images, "pooled"), own(images))


def test_another_pickle_is_refused(hub: Hub, tmp_path: Path) -> None:
    publish(
        hub,
        "torchgeo/resnet18_sentinel2_rgb_moco",
        "e1c032e7785fd0625224cdb6699aa138bb304eec",
        "resnet18_sentinel2_rgb_moco-e3a335e3.pth",
        {"weight": torch.zeros(1)},
    )
    with pytest.raises(BenchError, match="have e3a335e3"):
        encoders.convert("torchgeo:resnet18@SENTINEL2_RGB_MOCO", None)


def test_states_of_several_networks_are_opened(tmp_path: Path) -> None:
    """CROMA's file holds a state for each of its parts."""
    from bench.base import pickles, weights

    torch.save({"s1_encoder": {"a": torch.ones(2)}, "b": torch.zeros(1)}, tmp_path / "croma.pt")
    pickles.tensors_of(tmp_path / "croma.pt", tmp_path / "made.safetensors", tmp_path)
    assert set(weights.read(tmp_path / "made.safetensors")) == {"s1_encoder.a", "b"}


def test_names_of_published_files_become_those_of_the_networks() -> None:
    from bench.models import _torchgeo

    network = _meta("torchgeo:dofa_small_patch16_224", REBEN, "s2")
    plain = {name.removeprefix("network."): tensor for name, tensor in network.state_dict().items()}
    published = {name: tensor for name, tensor in plain.items() if not name.startswith("fc_norm")}
    published |= {"mask_token": torch.zeros(1), "norm.weight": torch.ones(384)}
    assert set(_torchgeo.renamed(published)) == set(network.state_dict())
    network = _meta("torchgeo:panopticon_vitb14", REBEN, "s2")
    plain = {
        name.removeprefix("network.model."): tensor for name, tensor in network.state_dict().items()
    }
    plain |= {"pos_embed": torch.randn(1, 1 + 37**2, 768), "mask_token": torch.zeros(1, 768)}
    found = _torchgeo.renamed(plain)
    assert set(found) == set(network.state_dict())
    assert found["network.model.pos_embed"].shape == (1, 257, 768)
