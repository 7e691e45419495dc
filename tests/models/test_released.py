"""Released weights: by their names and shapes the networks here give what the released ones do.

`released_outputs.json` holds of each released module the names and shapes of its tensors, and some
of its outputs for weights and inputs that `drawn` makes, computed with the modules of their
authors: MagicBathyNet @ 290c02b, utae-paps @ 987874e, DeepSatModels @ 782f736 on GitHub, HyCoT from
copies of git.tu-berlin.de/rsim/hycot, the three autoencoders from joshuadarecullen/HSICompressAI @
d605ab8.
"""

import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from bench import kinds, models
from bench.base.errors import BenchError, RequestError
from bench.models import baseline, entries, released
from bench.spec import keys
from bench.spec import task as tasks
from bench.spec.contract import InputContract
from bench.spec.entry import Entry
from bench.submissions import pickled
from tests.typed import Prompt

OUTPUTS = json.loads(Path(__file__).with_name("released_outputs.json").read_text())
DAYS = [3, 40, 90, 200, 350]
Network = torch.nn.Module
Tensors = dict[str, torch.Tensor]


def drawn(name: str, shape: list[int]) -> torch.Tensor:
    """Values that are spread evenly and depend on nothing but a name and a shape."""
    if not shape:
        return torch.zeros((), dtype=torch.int64)
    step, first = np.uint64(2654435761), np.uint64(zlib.crc32(name.encode()))
    bits = (np.arange(np.prod(shape), dtype=np.uint64) * step + first) % np.uint64(1 << 32)
    values = bits.astype(np.float64) / (1 << 32) - 0.5
    if len(shape) > 1:
        values *= np.sqrt(12 / np.prod(shape[1:]))
    elif name.endswith(("weight", "running_var")):
        values = 1 + 0.4 * values
    else:
        values *= 0.2
    return torch.from_numpy(values.astype(np.float32).reshape(shape))


def images(*shape: int) -> torch.Tensor:
    """Images in [0, 1]."""
    return (drawn("images", [int(np.prod(shape))]) / 0.2 + 0.5).view(*shape)


def series(*shape: int) -> dict[str, Any]:
    days = torch.tensor([DAYS])
    pixels = (drawn("images", [int(np.prod(shape))]) / 0.1).view(*shape)
    return {"S2": (pixels, torch.stack([days, days], dim=-1))}


@dataclass(frozen=True)
class Released:
    """A released module, and the network here that stands for it."""

    keys: str
    arguments: dict[str, Any]
    channels: int
    outputs: int
    inputs: Callable[[], Any]

    def build(self, **changed: Any) -> Network:
        """The network, in evaluation mode and with any weights.

        Args:
            changed: arguments that are others.
        """
        known = keys.load(self.keys)
        contract = InputContract(
            bands=tuple(map(str, range(self.channels))),
            units={},
            size=36 if self.channels == 3 else None,
            resampling="nearest",
            mean=(0.0,) * self.channels,
            std=(1.0,) * self.channels,
        )
        rest = known.architecture.removeprefix("baseline:")
        arguments = known.arguments | self.arguments | changed
        return baseline.build(rest, arguments, contract, self.outputs).eval()


def codec(name: str, rate: int, side: int) -> Released:
    return Released(name, {"rates": str(rate)}, 202, 202, lambda: images(1, 202, side, side))


RELEASED = {
    # Without what the released test does around the network.
    "magicbathy-unet": Released(
        "magicbathy-unet", {"released": False}, 3, 1, lambda: images(1, 3, 36, 36)
    ),
    "seabed-unet": Released("seabed-unet", {}, 3, 4, lambda: images(1, 3, 32, 32)),
    "seabed-segformer": Released(
        "seabed-segformer", {"encoder": "b0"}, 3, 4, lambda: images(1, 3, 32, 32)
    ),
    "utae": Released("utae", {}, 10, 19, lambda: series(1, 5, 10, 16, 16)),
    "tsvit": Released("tsvit", {}, 10, 19, lambda: series(1, 5, 10, 24, 24)),
    "tsvit-s": Released(
        "tsvit", {"dim": 64, "dim_head": 16}, 10, 19, lambda: series(1, 5, 10, 24, 24)
    ),
    "hycot-cr4": codec("hycot", 4, 2),
    "hycot-cr8": codec("hycot", 8, 2),
    "cae1d-cr4": codec("cae1d", 4, 2),
    "cae1d-cr8": codec("cae1d", 8, 2),
    "cae1d-first": codec("cae1d-first", 4, 2),
    "sscnet-cr32": codec("sscnet", 32, 8),
    "cae3d-cr32": codec("cae3d", 32, 8),
}


def weights_of(name: str) -> Tensors:
    return {key: drawn(key, shape) for key, shape in OUTPUTS[name]["names"].items()}


def filled(name: str, state: Tensors) -> Network:
    """The network of a released module with tensors by its names."""
    one = RELEASED[name]
    model = one.build()
    maps = keys.of(keys.load(one.keys).architecture)
    model.load_state_dict(released.fitted([(name, state)], model.state_dict(), maps))
    return model


@torch.inference_mode()
def answer(name: str, model: Network) -> torch.Tensor:
    found: torch.Tensor = model(RELEASED[name].inputs())
    return found.flatten()


def in_the_released_layout(name: str, model: Network) -> Tensors:
    """The weights of a network here under the names and in the shapes of the released module."""
    one, shapes = RELEASED[name], OUTPUTS[name]["names"]
    map_ = keys.load(one.keys)
    prefix = f"{map_.parts}.cr{one.arguments['rates']}." if map_.parts else ""
    own = model.state_dict()
    made = {key: drawn(key, shape) for key, shape in shapes.items()}
    for key, (here, rule) in map_.names(shapes).items():
        tensor = own.pop(prefix + here)
        rows = slice(0, len(made[key]) - rule.spare) if rule.spare else ...
        made[key][rows] = tensor.view(made[key][rows].shape)
    assert not own
    return made


def test_every_key_map_is_held_to_a_released_module() -> None:
    assert {one.keys for one in RELEASED.values()} == set(keys.names())
    assert set(RELEASED) == set(OUTPUTS)


@pytest.mark.parametrize("name", RELEASED)
def test_released_weights_give_the_outputs_of_the_released_module(name: str) -> None:
    found, said = answer(name, filled(name, weights_of(name))).double(), OUTPUTS[name]
    assert len(found) == said["count"]
    assert found[said["at"]].tolist() == pytest.approx(said["values"], abs=2e-6)
    assert found.mean().item() == pytest.approx(said["mean"], abs=1e-6)


@pytest.mark.parametrize("name", RELEASED)
def test_weights_renamed_to_the_released_layout_come_back_bit_for_bit(
    name: str, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    # Empty dates change no weights, and would take most of the time.
    quick = {"padded": 0} if name.startswith("tsvit") else {}
    model = RELEASED[name].build(**quick)
    for buffer in model.buffers():
        if buffer.is_floating_point():
            buffer.uniform_(0.5, 1.5)
    save_file(in_the_released_layout(name, model), tmp_path / "released.safetensors")
    other = RELEASED[name].build(**quick)
    architecture = keys.load(RELEASED[name].keys).architecture
    files = [tmp_path / "released.safetensors"]
    released.write(files, other, architecture, tmp_path / "model.safetensors", tmp_path)
    assert torch.equal(answer(name, other), answer(name, model))
    for key, tensor in model.state_dict().items():
        assert torch.equal(other.state_dict()[key], tensor)


def changed(name: str, change: Callable[[Tensors], Any]) -> Tensors:
    state = weights_of(name)
    change(state)
    return state


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "tsvit-s",
            lambda state: state.pop("temporal_token"),
            r"expected the 102 tensors of baseline:architectures\.tsvit\.TSViT, found by the key "
            r"map tsvit 1 missing \(first classes\)",
        ),
        (
            "tsvit-s",
            lambda state: state.update(mask_token=torch.zeros(3)),
            r"1 left over \(first mask_token\)",
        ),
        (
            "tsvit-s",
            lambda state: state.update(temporal_token=torch.zeros(1, 20, 64)),
            r"temporal_token has shape \[1, 20, 64\], expected \[1, 19, 64\]",
        ),
        (
            "utae",
            lambda state: state.update({"out_conv.conv.conv.4.bias": torch.zeros(19)}),
            r"conv\.4\.bias has shape \[19\], expected \[20\]",
        ),
        (
            "hycot-cr4",
            lambda state: state.update(comp_token=torch.zeros(1, 64)),
            r"comp_token has shape \[1, 64\], expected \[1, 1, 64\]",
        ),
        (
            "cae1d-cr8",
            lambda state: state.pop("encoder.0.2.0.bias"),
            r"found by the key map cae1d 1 missing",
        ),
        (
            "utae",
            lambda state: state.update(
                {"enter.0.weight": torch.zeros(3), "temporal_encoder.other": torch.zeros(3)}
            ),
            r"2 left over \(first enter\.0\.weight\)",
        ),
    ],
)
def test_weights_that_dont_fit_are_refused(
    name: str, change: Callable[[Tensors], Any], message: str
) -> None:
    with pytest.raises(BenchError, match=message) as caught:
        filled(name, changed(name, change))
    assert "is it a checkpoint of" in str(caught.value.hint)


def test_what_a_module_never_uses_is_dropped() -> None:
    state = weights_of("hycot-cr4")
    dropped = [name for name in state if name.startswith("transformer.skipcat.")]
    assert len(dropped) == 6
    model = filled("hycot-cr4", {k: v for k, v in state.items() if k not in dropped})
    assert torch.equal(answer("hycot-cr4", model), answer("hycot-cr4", filled("hycot-cr4", state)))


def test_a_file_for_each_network_in_any_order() -> None:
    build = Released("hycot", {"rates": "4 8"}, 202, 202, lambda: images(1, 202, 2, 2)).build
    maps, states = [keys.load("hycot")], {n: weights_of(f"hycot-cr{n}") for n in (4, 8)}
    model = build()
    made = released.fitted([("b", states[8]), ("a", states[4])], model.state_dict(), maps)
    model.load_state_dict(made)
    found = model(images(1, 202, 2, 2))
    for place, rate in enumerate((4, 8)):
        alone = filled(f"hycot-cr{rate}", states[rate])
        assert torch.equal(found[place], alone(images(1, 202, 2, 2))[0])
    with pytest.raises(BenchError, match="none for cr8") as caught:
        released.fitted([("a", states[4])], build().state_dict(), maps)
    assert '(rates = "4")' in str(caught.value.hint)
    with pytest.raises(BenchError, match="a and b are both of cr4"):
        released.fitted([("a", states[4]), ("b", states[4])], build().state_dict(), maps)


def test_an_architecture_of_one_network_takes_one_file() -> None:
    model = RELEASED["tsvit-s"].build()
    files = [("a", weights_of("tsvit-s")), ("b", {"more": torch.zeros(1)})]
    with pytest.raises(BenchError, match=r"expected one file .* found 2"):
        released.fitted(files, model.state_dict(), [keys.load("tsvit")])


MAP = {
    "name": "mine",
    "architecture": "baseline:architectures.tsvit.TSViT",
    "source": "here",
    "rename": [{"from": "a.{i}.{rest...}", "to": "b.{2*i+1}.{rest}"}],
}


def test_templates_of_names() -> None:
    found = keys.KeyMap.model_validate(MAP).names(["a.3.x.y", "a.x.y", "a.3", "other"])
    assert {old: new for old, (new, _) in found.items()} == {"a.3.x.y": "b.7.x.y"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rename": [{"from": "a.{i}", "to": "b.{j}"}]}, "doesn't stand in"),
        ({"rename": [{"from": "a.{i}", "to": "b.{i*2}"}]}, "doesn't stand in"),
        ({"rename": [{"from": "a.{9}", "to": "b"}]}, "no name of letters"),
        ({"drop": ["{A}"]}, "no name of letters"),
        ({"rename": []}, "at least 1"),
        ({"rename": [{"from": "a b", "to": "b"}]}, "match pattern"),
        ({"more": 1}, "Extra inputs"),
    ],
)
def test_malformed_key_maps(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        keys.KeyMap.model_validate(MAP | change)


def test_two_tensors_of_one_name_are_refused() -> None:
    rules = [{"from": "a.{i}", "to": "c.{i}"}, {"from": "b.{i}", "to": "c.{i}"}]
    with pytest.raises(BenchError, match=r"a\.1 and b\.1 would both be c\.1"):
        keys.KeyMap.model_validate(MAP | {"rename": rules}).names(["a.1", "b.1"])


def test_unknown_key_maps_suggest_near_ones() -> None:
    with pytest.raises(RequestError, match="unknown key map 'tsvitt'") as caught:
        keys.load("tsvitt")
    assert "tsvit" in str(caught.value.hint)


TASK = tasks.load("pastis24-crop-mapping")


def test_a_checkpoint_becomes_an_entry_that_runs(tmp_path: Path, bench: Prompt) -> None:
    state = weights_of("tsvit-s")
    torch.save({"state_dict": state, "epoch": 3}, bench.folder / "best.pth")
    line = f"convert best.pth --architecture tsvit --task {TASK.name} --out mine"
    line += " --set dim=64 --set dim_head=16"
    assert "--i-trust-this-file" in bench.in_process(line, code=2).stderr
    shown = bench.in_process(f"{line} --i-trust-this-file").stdout
    assert f"next: bench run --task {TASK.name} --model mine" in shown
    found = entries.load(bench.folder / "mine", TASK)
    assert found.model.arguments == {
        **{"in_rows": True, "padded": 60, "released_days": True},
        **{"dim": 64, "dim_head": 16},
    }
    assert TASK.division(found.input) == "closed"
    network = models.build(found, kinds.of(TASK).outputs()).eval()
    from bench.base import weights

    assert isinstance(found, Entry)
    assert found.weights is not None
    weights.fill(network, found.weights)
    assert torch.equal(answer("tsvit-s", network), answer("tsvit-s", filled("tsvit-s", state)))


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("--architecture tsvitt", 2, "unknown architecture 'tsvitt'"),
        ("--architecture tsvit --model tsvit-s", 2, "one of --model and --architecture"),
        ("", 2, "one of --model and --architecture"),
        ("--architecture tsvit --set dim", 2, "--set 'dim' is no argument"),
        ("--architecture tsvit --input s3", 2, "unknown input 's3'"),
        ("--model tsvit-s --set dim=3", 2, "--input and --set are of --architecture"),
        ("--architecture tsvit", 1, "expected the 102 tensors of baseline:architectures.tsvit"),
        ("--architecture baseline:architectures.utae.UTAE", 1, "expected the 158 tensors"),
        ("--model published:tsvit-fold1", 2, "says what its weights are of"),
    ],
)
def test_wrong_lines_say_what_to_do(line: str, code: int, said: str, bench: Prompt) -> None:
    save_file(weights_of("tsvit-s"), bench.folder / "best.safetensors")
    asked = f"convert best.safetensors --task {TASK.name} --out mine {line}"
    assert said in " ".join(bench.in_process(asked, code=code).stderr.split())
    assert not (bench.folder / "mine").exists()


def test_an_archive_of_one_checkpoint_is_unpacked(tmp_path: Path) -> None:
    model = RELEASED["magicbathy-unet"].build()
    torch.save(weights_of("magicbathy-unet"), tmp_path / "model_final")
    for name, members in (
        ("one.zip", ["weights/model_final", "weights/notes.txt", "__MACOSX/._model_final"]),
        ("two.zip", ["a/model_final", "b/model_final"]),
        ("none.zip", ["notes.txt"]),
    ):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member in members:
                archive.write(tmp_path / "model_final", member)
    architecture = "baseline:architectures.bathymetry.MagicBathyUNet"
    target, folder = tmp_path / "model.safetensors", tmp_path / "between"
    folder.mkdir()
    for name, found in (("two.zip", "found 2: a/model_final, b/model_final"), ("none.zip", "0: n")):
        with pytest.raises(BenchError, match=found):
            released.write([tmp_path / name], model, architecture, target, folder)
    released.write([tmp_path / "one.zip"], model, architecture, target, folder)
    expected = answer("magicbathy-unet", filled("magicbathy-unet", weights_of("magicbathy-unet")))
    assert torch.equal(answer("magicbathy-unet", model), expected)
    assert not list(folder.iterdir())


def test_an_archive_that_would_grow_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "big.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model_final", bytes(1 << 20))
    with pytest.raises(BenchError, match=r"would have 1,048,576 bytes"):
        released._unpack(tmp_path / "big.zip", tmp_path / "out")
    content = bytearray((tmp_path / "big.zip").read_bytes())
    content[40:60] = bytes(20)
    (tmp_path / "broken.zip").write_bytes(content)
    with pytest.raises(BenchError, match="broken"):
        released._unpack(tmp_path / "broken.zip", tmp_path / "out")


def test_programs_in_a_released_file_are_not_run(tmp_path: Path) -> None:
    from tests.submissions.test_pickled import Evil

    trace = tmp_path / "trace"
    torch.save({**weights_of("magicbathy-unet"), "more": Evil(trace)}, tmp_path / "evil.pth")
    task = tasks.load("magicbathy-bathymetry-agia-napa")
    untrained = models.find("unet", task)
    with pytest.raises(BenchError, match="can't be converted"):
        pickled.convert(tmp_path / "evil.pth", untrained, task, tmp_path / "out")
    assert not trace.exists()
    assert not (tmp_path / "out").exists()
