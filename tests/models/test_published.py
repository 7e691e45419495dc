"""Published checkpoints: what is declared holds, and their files are taken in as published."""

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from bench import kinds, models
from bench.base import weights
from bench.base.errors import BenchError, RequestError
from bench.base.files import sha256_file
from bench.models import open_clip
from bench.models import published as source
from bench.spec import declared, published
from bench.spec import task as tasks
from bench.spec.entry import Entry
from tests.hub.server import Hub, commit_of, serving
from tests.models.test_open_clip import SMALL, small
from tests.models.test_released import weights_of
from tests.planted import plant
from tests.typed import Prompt

TSVIT = "tsvit-fold1-jdalton"
BATHY = "magicbathy-unet-s2-an"
PASTIS24 = tasks.load("pastis24-crop-mapping")
DEPTH = tasks.load("magicbathy-bathymetry-agia-napa")
RSICD = tasks.load("rsicd-retrieval")


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of weights."""
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with serving(tmp_path / "hub") as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def uploaded(hub: Hub, repository: str, name: str, state: dict[str, Any]) -> Path:
    """A repository on the Hub that holds one pickle, and what must not be fetched."""
    folder = hub.root / repository
    (folder / name).parent.mkdir(parents=True)
    torch.save(state, folder / name)
    (folder / "README.md").write_text("# A model")
    return folder


MINE = """
authors = ["Somebody"]
licence = "MIT"
url = "https://example.org/mine"
read = "here"
kinds = ["retrieval"]
architecture = "open_clip:ViT-B-32"

[arguments]
{arguments}

[input]
bands = ["R", "G", "B"]
unit = "fraction"
size = 224
resampling = "bicubic"
fit = "crop"
mean = [0.48145466, 0.4578275, 0.40821073]
std = [0.26862954, 0.26130258, 0.27577711]
statistics = "open_clip"

[variants.mine]
title = "Mine"
{rest}
"""


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Declare a checkpoint of a small model of open_clip in a distribution of its own."""

    def declare(rest: str, name: str = "more-checkpoints") -> None:
        arguments = "\n".join(f"{json.dumps(key)} = {value}" for key, value in SMALL.items())
        module = name.replace("-", "_")
        site = plant(
            tmp_path / name,
            name,
            {"baselines": {name: module}},
            {
                f"{module}/__init__.py": "",
                f"{module}/published/mine.toml": MINE.format(arguments=arguments, rest=rest),
            },
        )
        monkeypatch.setattr(sys, "path", [*sys.path, str(site)])

    return declare


@pytest.mark.parametrize("name", published.names())
def test_what_is_declared_holds(name: str) -> None:
    stated = published.find(name)
    known = {task: raw["kind"] for task, raw in declared.tasks().items()}
    assert set(stated.tasks) <= set(known)
    assert set(stated.kinds) <= set(known.values())
    assert stated.runs_on()
    if stated.same:
        assert stated.same.startswith("hf:")
        assert not (stated.files or stated.hub or stated.keys or stated.architecture)
        return
    architecture, arguments = stated.built
    for task in map(tasks.load, stated.runs_on()):
        contract = source.contract_of(stated, task)
        if contract is None:
            assert stated.input is not None
            assert stated.input.file is not None
            assert set(stated.input.bands) <= set(task.bands)
        else:
            # Others are those of inputs that follow the release, and no task's own.
            assert not architecture.startswith("baseline:architectures.tsvit") or (
                task.division(contract) == "closed"
            )
    if architecture.startswith("open_clip:"):
        open_clip.configured(architecture.partition(":")[2], arguments)
        assert len(stated.files) == 1
        return
    record = source.Record(
        checkpoint=name,
        files=(),
        source="",
        meaning="",
        mean=(0.0,) * (len(stated.input.bands) if stated.input else 0),
        std=(1.0,) * (len(stated.input.bands) if stated.input else 0),
        first_seen="2026-11-30",  # type: ignore[arg-type]
    )
    entry = Entry(
        name=name,
        task=task.name,
        input=source._contract(stated, task, record),
        model={"architecture": architecture, "arguments": arguments},  # type: ignore[arg-type]
    )
    network = models.build(entry, kinds.of(task).outputs())
    networks = len(getattr(network, "networks", [None]))
    assert len(stated.files) == networks


def test_the_sources_ask_for_names_of_files_that_differ() -> None:
    for name in published.names():
        files = [file.name for file in published.find(name).files]
        assert len(set(files)) == len(files)


def test_a_checkpoint_of_the_hub_is_fetched_kept_and_run(
    hub: Hub, bench: Prompt, root: Path
) -> None:
    state = weights_of("tsvit")
    folder = uploaded(hub, "jdaltonII02/tsvit-pastis24", "tsvit_fold1_best.pth", state)
    line, environment = f"--model published:{TSVIT}", {"BENCH_WEIGHTS": str(root)}
    with pytest.raises(BenchError, match="aren't in") as absent:
        models.find(f"published:{TSVIT}", PASTIS24)
    assert f"bench convert --model published:{TSVIT} --i-trust-this-file" in str(absent.value.hint)
    assert "which is a program" in bench.in_process(f"convert {line}", code=2, **environment).stderr
    assert not hub.fetched
    kept = bench.in_process(f"convert {line} --i-trust-this-file", **environment).stdout
    digest = sha256_file(folder / "tsvit_fold1_best.pth")
    assert f"SHA-256 {digest}" in kept
    assert set(hub.fetched) == {"tsvit_fold1_best.pth"}
    # From now on nothing is asked of the Hub.
    found = models.find(f"published:{TSVIT}", PASTIS24)
    assert isinstance(found, Entry)
    assert f"@{commit_of(folder)}" in found.source
    assert digest in found.source
    assert found.input == PASTIS24.input("s2")
    assert found.training_data == ["pastis/train-1-24"]
    assert found.licence == "not stated"
    assert found.model.arguments == {"in_rows": True, "padded": 60, "released_days": True}
    network = models.build(found, 19)
    assert found.weights is not None
    weights.fill(network, found.weights)
    assert torch.equal(network.state_dict()["classes"], state["temporal_token"])
    # Neither commit nor hash are published: the first ones are kept.
    torch.save(weights_of("tsvit") | {"temporal_token": torch.zeros(1, 19, 128)}, folder / "x.pth")
    (folder / "x.pth").rename(folder / "tsvit_fold1_best.pth")
    source.keep(TSVIT, trusted=True)
    again = models.find(f"published:{TSVIT}", PASTIS24)
    assert isinstance(again, Entry)
    assert again.weights_sha256() == found.weights_sha256()
    with pytest.raises(BenchError, match=r"has SHA-256 .*that was taken for published:tsvit"):
        source.keep(TSVIT, folder / "tsvit_fold1_best.pth", trusted=True)


def test_a_pinned_and_hashed_file_of_the_hub(hub: Hub, planted: Any, tmp_path: Path) -> None:
    folder = uploaded(hub, "alice/mine", "ckpt/mine.pt", small(224).state_dict())
    first, digest = commit_of(folder), sha256_file(folder / "ckpt/mine.pt")
    size = (folder / "ckpt/mine.pt").stat().st_size
    planted(
        f'hub = {{ repository = "alice/mine", revision = "{first}" }}\n'
        f'files = [{{ name = "mine.pt", path = "ckpt/mine.pt", sha256 = "{digest}", '
        f"size = {size} }}]"
    )
    source.keep("mine", trusted=True)
    found = models.find("published:mine", RSICD)
    assert isinstance(found, Entry)
    assert found.source == f"hf:alice/mine@{first}: mine.pt, SHA-256 {digest}"
    assert RSICD.division(found.input) == "closed"
    pairs = tasks.load("levir-cc-retrieval")
    other = models.find("published:mine", pairs)
    assert isinstance(other, Entry)
    assert other.input == pairs.input("pair")
    with pytest.raises(RequestError, match="isn't run on task aid-zeroshot") as caught:
        models.find("published:mine", tasks.load("aid-zeroshot"))
    assert "it is run on" in str(caught.value.hint)
    changed = tmp_path / "mine.pt"
    state = small(224).state_dict()
    state["logit_scale"] = state["logit_scale"] + 1
    torch.save(state, changed)
    with pytest.raises(BenchError, match=f"has SHA-256 .*, mine.pt of .* has {digest[:16]}"):
        source.keep("mine", changed, trusted=True)
    changed.write_bytes(changed.read_bytes()[:-1])
    with pytest.raises(BenchError, match=f"bytes, mine.pt of published:mine has {size:,}"):
        source.keep("mine", changed, trusted=True)
    assert models.find("published:mine", RSICD) == found


def test_safetensors_of_the_hub_need_nobodys_word(hub: Hub, planted: Any) -> None:
    from safetensors.torch import save_file

    folder = hub.root / "alice/mine"
    folder.mkdir(parents=True)
    save_file(small(224).state_dict(), folder / "model.safetensors")
    planted(
        'hub = { repository = "alice/mine" }\n'
        f'files = [{{ name = "model.safetensors", sha256 = '
        f'"{sha256_file(folder / "model.safetensors")}" }}]'
    )
    found = models.find("published:mine", RSICD)
    assert isinstance(found, Entry)
    assert f"hf:alice/mine@{commit_of(folder)}" in found.source


def test_the_hub_that_cant_be_reached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    with pytest.raises(BenchError, match="jdaltonII02/tsvit-pastis24"):
        source.keep(TSVIT, trusted=True)


@pytest.fixture
def bathymetry(tmp_path: Path) -> Path:
    """The file of a checkpoint as a user has it: an archive of one pickle."""
    torch.save(weights_of("magicbathy-unet"), tmp_path / "model_final")
    with zipfile.ZipFile(tmp_path / "bathymetry_s2_an.zip", "w") as archive:
        archive.write(tmp_path / "model_final", "bathymetry_s2_an/model_final")
    return tmp_path / "bathymetry_s2_an.zip"


def test_a_network_is_fed_by_the_statistics_of_its_training_folds(tmp_path: Path) -> None:
    state = {"state_dict": weights_of("utae"), "optimizer": {"param_groups": [{"lr": 1e-3}]}}
    folder = tmp_path / "given"
    folder.mkdir()
    torch.save(state, folder / "model.pth.tar")
    norm = {
        f"Fold_{fold}": {"mean": [100.0 * fold + band for band in range(10)], "std": [fold] * 10}
        for fold in range(1, 6)
    }
    (folder / "NORM_S2_patch.json").write_text(json.dumps(norm))
    source.keep("utae-fold4", folder, trusted=True)
    task = tasks.load("pastis-crop-mapping-fold4")
    found = models.find("published:utae-fold4", task)
    assert isinstance(found, Entry)
    assert found.input.mean == pytest.approx([1000 / 3 + band for band in range(10)])
    assert found.input.std == pytest.approx([10 / 3] * 10)
    assert "mean of folds 4, 5, 1" in found.input.statistics
    with pytest.raises(RequestError, match="isn't run on task pastis-crop-mapping"):
        models.find("published:utae-fold4", tasks.load("pastis-crop-mapping"))
    for spoilt in ({"Fold_4": {}}, {**norm, "Fold_5": {"mean": ["x"], "std": [1]}}, []):
        (folder / "NORM_S2_patch.json").write_text(json.dumps(spoilt))
        with pytest.raises(BenchError, match="expected mean and std of 10 bands for folds 4, 5, 1"):
            source.keep("utae-fold4", folder, trusted=True)


def test_a_file_given_to_run_is_kept_and_its_result_says_whose_it_is(
    bathymetry: Path, bench: Prompt, root: Path
) -> None:
    line = f"run --task {DEPTH.name} --model published:{BATHY} --track sample --limit 1 --json"
    environment = {"BENCH_WEIGHTS": str(root)}
    said = bench.in_process(line, code=1, **environment).stderr
    assert "fetch them and, if you trust them: bench convert FILE" in " ".join(said.split())
    given = f"{line} --weights {bathymetry}"
    assert "which is a program" in bench.in_process(given, code=2, **environment).stderr
    shown = bench.in_process(f"{given} --i-trust-this-file", **environment).json()
    digest = sha256_file(bathymetry)
    assert digest in shown["entry"]["source"]
    assert shown["entry"]["name"] == BATHY
    assert shown["entry"]["model"]["arguments"] == {"released": True, "scale": 30.443}
    # By the norm file that lies with the data.
    assert shown["entry"]["input"]["std"][0] > 1
    assert "norm_param_s2_an" in shown["entry"]["input"]["statistics"]
    again = bench.in_process(line, **environment).json()
    assert again["run"] == shown["run"]
    for wrong in ("--weights x", "--i-trust-this-file"):
        other = f"run --task {DEPTH.name} --model stumpf {wrong}"
        said = bench.in_process(other, code=2, **environment).stderr
        assert "are of --model published:NAME" in said


def test_files_in_the_folder_of_weights_are_found(root: Path, bathymetry: Path) -> None:
    with pytest.raises(RequestError, match=r"bathymetry_s2_an\.zip isn't in .*weights") as caught:
        source.keep(BATHY, trusted=True)
    assert "https://drive.google.com/" in str(caught.value.hint)
    (root / BATHY).mkdir(parents=True)
    bathymetry.rename(root / BATHY / bathymetry.name)
    source.keep(BATHY, trusted=True)
    assert isinstance(models.find(f"published:{BATHY}", DEPTH), Entry)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("tsvitfold1", None, "unknown published checkpoint 'tsvitfold1'"),
        ("tsvit-fold1", "nothing", "there is no file"),
        ("hycot", "file", "is of 4 files, one was given"),
        ("hycot", ".", r"hycot_cr4\.pth\.tar, hycot_cr8\.pth\.tar.* isn't in"),
        ("utae-fold1", "file", r"fed by the statistics in NORM_S2_patch\.json"),
        ("tsvit-fold1", "file", r"of another shape \(.* has shape \[64\], expected \[128\]\)"),
        ("reben-resnet50-s1", None, "whose files are fetched when it is run"),
    ],
)
def test_what_cant_be_taken_in(name: str, given: str | None, message: str, tmp_path: Path) -> None:
    torch.save(weights_of("tsvit-s"), tmp_path / "file")
    with pytest.raises(BenchError, match=message):
        source.keep(name, None if given is None else tmp_path / given, trusted=True)


def test_weights_of_another_declaration_are_made_again(bathymetry: Path, root: Path) -> None:
    source.keep(BATHY, bathymetry, trusted=True)
    record = root / "published" / BATHY / "record.toml"
    text = record.read_text()
    record.write_text(
        text.replace(f'meaning = "{published.find(BATHY).meaning()[:8]}', 'meaning = "00000000')
    )
    with pytest.raises(BenchError, match="were made by another declaration") as caught:
        models.find(f"published:{BATHY}", DEPTH)
    assert "bench convert FILE --model" in str(caught.value.hint)
    record.write_text("nonsense = 3\n")
    with pytest.raises(BenchError, match="is damaged"):
        models.find(f"published:{BATHY}", DEPTH)


def test_one_that_the_hub_source_runs_is_that_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.models import hf

    asked = []
    task = tasks.load("reben-mlc")
    monkeypatch.setattr(
        hf, "entry", lambda rest, _: asked.append(rest) or models.find("resnet50", task)
    )
    models.find("published:reben-resnet50-s2", task)
    assert asked == ["BIFOLD-BigEarthNetv2-0/resnet50-s2-v0.2.0"]


def test_names_of_others_dont_take_those_that_ship(planted: Any) -> None:
    planted('files = [{ name = "mine.pt" }]')
    assert published.find("mine").title == "Mine"
    planted('files = [{ name = "mine.pt" }]', "still-more")
    with pytest.raises(RequestError, match="published checkpoint mine is in"):
        published.find("mine")


@pytest.mark.parametrize(
    ("rest", "message"),
    [
        ("", "no files are named"),
        ('files = [{ name = "mine.pt" }]\nkeys = "tsvit"', "one of keys and architecture"),
        ('files = [{ name = "mine.pt" }]\ngiven = "clip"', "one of given and input"),
        ('files = [{ name = "mine.pt", sha256 = "12" }]', "sha256"),
        ('files = [{ name = "../mine.pt" }]', "name"),
        ('files = [{ name = "mine.pt" }]\nmore = 1', "more"),
    ],
)
def test_malformed_declarations(rest: str, message: str, planted: Any) -> None:
    planted(rest)
    with pytest.raises(RequestError, match=message):
        published.find("mine")


def test_list_and_info_show_them(bench: Prompt, bathymetry: Path, root: Path) -> None:
    environment = {"BENCH_WEIGHTS": str(root)}
    source.keep(BATHY, bathymetry, trusted=True)
    rows = bench.in_process("list --published --json", **environment).json()["published"]
    by_model = {row["model"]: row for row in rows}
    assert set(by_model) == {f"published:{name}" for name in published.names()}
    assert by_model[f"published:{BATHY}"]["state"].startswith("here since ")
    assert by_model["published:tsvit-fold1"]["state"] == "not here: got by hand"
    listed = bench.in_process("list --published --kind crops --names", **environment).stdout.split()
    assert listed == sorted(m for m, row in by_model.items() if "pastis" in row["tasks"][0])
    said = " ".join(
        bench.in_process("info published:remoteclip-vit-b-32", **environment).stdout.split()
    )
    for part in (
        "licence Apache-2.0",
        "chendelong/RemoteCLIP @ bf1d8a3ccf2ddbf7c875705e46373bfe542bce38",
        "SHA-256 60014e395d930a3f2963d1d89c8522bf4ad56775571e4356e866864789af85c4",
        "bands R G B unit fraction (rgb) size 224 px, bicubic, centre cropped mean 0.481455",
    ):
        assert part in said
    said = " ".join(bench.in_process(f"info published:{BATHY}", **environment).stdout.split())
    assert "normalisation by the constants of the files that lie with the data" in said
    shown = bench.in_process("info published:tsvit-fold1 --json", **environment).json()
    assert shown["contract"]["bands"][0] == "B02"
    said = " ".join(bench.in_process("info published:utae-fold2", **environment).stdout.split())
    assert "mean over folds 2, 3, 4 of NORM_S2_patch.json, which comes with the dataset" in said
    wrong = bench.in_process("info published:utae-fold1 --ids", code=2, **environment)
    assert "is no task" in wrong.stderr
