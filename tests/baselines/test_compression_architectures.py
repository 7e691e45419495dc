"""Learned codecs: sizes to the digit, and streams that give back what forward gives."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from baselines.codecs import stream
from bench.base.errors import BenchError, RequestError
from bench.models import baseline, entries
from bench.spec import task as tasks
from tests.baselines.straightforward_hycot import from_latents, to_latents

CODECS = ["hycot.HyCoT", "cae1d.CAE1D", "sscnet.SSCNet", "cae3d.CAE3D"]
ENMAP, SENTINEL = 202, 12


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def codec(name, channels=ENMAP, seed=0, **arguments):
    """As the harness builds it."""
    torch.manual_seed(seed)
    contract = SimpleNamespace(bands=range(channels), size=128)
    return baseline.build(f"architectures.{name}", arguments, contract, 0).eval()


def image(channels, height=8, width=16, seed=0):
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(seed))


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def convolution_3d(channels, outputs, kernel):
    """Weights, biases and both parameters of a batch normalisation."""
    return channels * outputs * kernel + 3 * outputs


def cae3d_parameters(width):
    residuals = 6 * 2 * convolution_3d(32, 32, 27)
    ends = convolution_3d(1, 16, 50) + convolution_3d(32, 16, 45) + convolution_3d(16, 1, 18)
    inner = convolution_3d(32, width, 125) + convolution_3d(width, 32, 125)
    return residuals + ends + inner + convolution_3d(16, 32, 125)


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("hycot.HyCoT", [471_845, 420_620, 393_983, 381_689]),
        ("cae1d.CAE1D", [56_130, 238_018, 962_242, 3_852_482]),
        ("sscnet.SSCNet", [34_136_586, 19_240_298, 11_865_898, 8_068_082]),
        ("cae3d.CAE3D", [cae3d_parameters(width) for width in (64, 32, 16, 8)]),
    ],
)
def test_parameters(name, counts):
    with torch.device("meta"):
        networks = codec(name).networks
    assert [parameters(network) for network in networks.values()] == counts


@pytest.mark.parametrize(
    ("name", "ratios"),
    [
        ("hycot.HyCoT", [3.9608, 7.7692, 15.5385, 28.8571]),
        ("cae1d.CAE1D", [3.9608, 7.7692, 15.5385, 28.8571]),
        ("sscnet.SSCNet", [4.0, 8.0, 15.8431, 32.0]),
        ("cae3d.CAE3D", [3.9608, 7.9216, 15.8431, 31.6863]),
    ],
)
def test_compression_ratios_of_a_patch(name, ratios):
    with torch.device("meta"):
        model = codec(name)
    shape = (ENMAP, 128, 128)
    found = [math.prod(shape) / model.latents(f"cr{rate}", shape) for rate in (4, 8, 16, 32)]
    assert found == pytest.approx(ratios, abs=5e-5)
    assert model.latents("cr4-8bit", shape) is None


def macs(function, *arguments):
    """Multiply-adds of all products of matrices, those of attention included."""
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        function(*arguments)
    return counter.get_total_flops() / 2


@pytest.mark.parametrize(
    ("rate", "length", "encoder", "decoder", "giga"),
    [
        (4, 51, 6.387, 0.259, 108.90),
        (8, 26, 6.362, 0.233, 108.06),
        (16, 13, 6.349, 0.220, 107.62),
        (32, 7, 6.342, 0.214, 107.42),
    ],
)
def test_multiply_adds_of_hycot(rate, length, encoder, decoder, giga):
    network = codec("hycot.HyCoT", rates=str(rate)).networks[f"cr{rate}"]
    spectra = image(ENMAP, 1, 2)[None]
    with torch.inference_mode():
        latents = network.to_latents(spectra)
        whole = macs(to_latents, network, spectra, 2) / 2
        ours = macs(network.to_latents, spectra) / 2
        back = macs(network.from_latents, latents, 1, 2) / 2
    assert latents.shape == (1, length, 1, 2)
    assert (whole / 1e6, back / 1e6) == pytest.approx((encoder, decoder), abs=5e-4)
    assert (whole + back) * 128**2 / 1e9 == pytest.approx(giga, abs=5e-3)
    # The last block: of all 52 tokens, and of the compression token's four queries over 64 values.
    all_tokens = 52 * (64 * 192 + 2 * 52 * 64 + 64 * 64 + 2 * 64 * 8)
    first_token = 4 * 64 * 64 + 2 * 4 * 52 * 64 + 2 * 64 * 8
    # Embedding the compression token's place takes another 4 x 64.
    assert ours == whole - all_tokens + first_token + 4 * 64


@pytest.mark.parametrize("channels", [ENMAP, SENTINEL])
def test_hycot_is_the_straightforward_one(channels):
    model = codec("hycot.HyCoT", channels, rates="4")
    images, network = image(channels)[None], model.networks["cr4"]
    with torch.inference_mode():
        expected = to_latents(network, images, 64)
        latents = network.to_latents(images)
        torch.testing.assert_close(latents, expected, rtol=0, atol=1e-5)
        torch.testing.assert_close(model(images)[0], from_latents(network, expected, 64))


def test_hycot_starts_as_released_unless_a_reflectance_is_given():
    plain, dark = (
        codec("hycot.HyCoT", rates="32", **given) for given in ({}, {"reflectance": 0.18})
    )
    bound = 1024**-0.5
    bias = "networks.cr32.decoder.network.2.bias"
    assert 0.9 * bound < plain.state_dict()[bias].abs().max() <= bound
    given = image(ENMAP)[None]
    with torch.inference_mode():
        assert plain(given).mean() == pytest.approx(0.5, abs=0.02)
        assert dark(given).mean() == pytest.approx(0.18, abs=0.02)
    # Nothing else differs.
    state = plain.state_dict() | {bias: dark.state_dict()[bias]}
    assert all(torch.equal(state[name], tensor) for name, tensor in dark.state_dict().items())


def test_only_the_sample_recipe_of_hycot_gives_one():
    entry = entries.baseline("hycot", tasks.load("hyspecnet-compression"))
    assert "reflectance" not in entry.model.arguments | entry.recipe["official"].arguments
    assert entry.recipe["sample"].arguments == {"reflectance": 0.18}


def test_hycot_learns_what_the_straightforward_one_learns():
    model = codec("hycot.HyCoT", SENTINEL, rates="4")
    images, network = image(SENTINEL, 4, 4)[None], model.networks["cr4"]

    def gradients(reconstruction):
        model.zero_grad()
        (reconstruction - images).square().mean().backward()
        return [parameter.grad.clone() for parameter in model.parameters()]

    ours = gradients(model(images)[0])
    expected = gradients(from_latents(network, to_latents(network, images, 16), 16))
    for found, wanted in zip(ours, expected, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-7)


@pytest.mark.parametrize("channels", [ENMAP, SENTINEL])
@pytest.mark.parametrize("name", CODECS)
def test_a_stream_gives_back_what_forward_gives(name, channels):
    given, arguments = image(channels), {"rates": "8 16", "bits": "8"}
    model = codec(name, channels, **arguments)
    assert model.points == ("cr8", "cr8-8bit", "cr16", "cr16-8bit")
    with torch.inference_mode():
        expected = model(given[None])
    assert expected.shape == (2, 1, *given.shape)
    # Another object that has nothing but the weights.
    other = codec(name, channels, seed=1, **arguments)
    other.load_state_dict({key: value.clone() for key, value in model.state_dict().items()})
    for index, point in enumerate(("cr8", "cr16")):
        encoded = model.encode(given, point)
        assert model.encode(given, point) == encoded
        decoded = other.decode(encoded)
        assert decoded.dtype == torch.float32
        torch.testing.assert_close(decoded, expected[index, 0], rtol=0, atol=1e-6)
        header = len(encoded) - 4 * model.latents(point, tuple(given.shape))
        assert 0 < header < 64
        assert len(model.encode(given, f"{point}-8bit")) < len(encoded)


@pytest.mark.parametrize("bits", [1, 3, 8, 12])
@pytest.mark.parametrize("name", ["hycot.HyCoT", "cae1d.CAE1D", "cae3d.CAE3D"])
def test_quantised_latents_are_within_half_a_step(name, bits):
    given = image(SENTINEL)
    model = codec(name, SENTINEL, rates="4", bits=str(bits))
    network = model.networks["cr4"]
    seen = []
    network.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        latents = network.to_latents(given[None])
    model.decode(model.encode(given, f"cr4-{bits}bit"))
    low, high = (0.0, 1.0) if name == "hycot.HyCoT" else (latents.min(), latents.max())
    step = (high - low) / (2**bits - 1)
    assert (seen[0] - latents).abs().max() <= 0.5001 * step
    levels = (seen[0] - low) / step
    torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-3)


def test_latents_that_are_all_equal_are_quantised():
    model = codec("cae1d.CAE1D", SENTINEL, rates="4")
    with torch.no_grad():
        model.networks["cr4"].encoder.network[-3].weight.zero_()
    given = image(SENTINEL)
    decoded = model.decode(model.encode(given, "cr4-8bit"))
    torch.testing.assert_close(decoded, model.decode(model.encode(given, "cr4")))


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("sides", [(1, 1), (9, 20)])
def test_any_size(name, sides):
    given = image(SENTINEL, *sides)
    model = codec(name, SENTINEL, rates="8")
    assert model.decode(model.encode(given, "cr8")).shape == given.shape
    assert model(given[None]).shape == (1, 1, *given.shape)


@pytest.mark.parametrize("name", ["hycot.HyCoT", "cae1d.CAE1D"])
def test_pixels_are_coded_by_themselves(name):
    model, given = codec(name, SENTINEL, rates="4"), image(SENTINEL, 30, 20)
    with torch.inference_mode():
        whole = model(given[None])[0, 0]
        alone = model(given[None, :, 17:18, 5:6])[0, 0]
    torch.testing.assert_close(whole[:, 17:18, 5:6], alone)


@pytest.mark.parametrize("name", CODECS)
def test_every_weight_learns(name):
    model = codec(name, SENTINEL, rates="4 8").train()
    given = torch.stack([image(SENTINEL, 16, seed=seed) for seed in range(2)])
    (model(given) - given).square().mean(dim=(1, 2, 3, 4)).sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_a_stream_of_other_weights_is_refused():
    model, given = codec("hycot.HyCoT", SENTINEL, rates="4 8"), image(SENTINEL)
    encoded = model.encode(given, "cr4")
    model.decode(encoded)
    with torch.no_grad():
        model.networks["cr4"].decoder.network[0].bias[3] += 1e-6
    with pytest.raises(BenchError, match="expected a stream made with weights"):
        model.decode(encoded)


def test_a_stream_of_the_same_weights_is_read_whatever_else_the_codec_holds():
    given = image(SENTINEL)
    model, narrow = (codec("hycot.HyCoT", SENTINEL, rates=rates) for rates in ("4 8", "4"))
    narrow.networks["cr4"].load_state_dict(model.networks["cr4"].state_dict())
    encoded = model.encode(given, "cr4-8bit")
    torch.testing.assert_close(narrow.decode(encoded), model.decode(encoded))
    with pytest.raises(BenchError, match="'cr8'"):
        narrow.decode(model.encode(given, "cr8"))


def changed(encoded, shape=None, payload=None, **fields):
    found = stream.unpack(encoded, "cae1d")
    return stream.pack(
        "cae1d",
        shape or found.shape,
        {**found.fields, **fields},
        found.payload if payload is None else payload,
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"shape": (13, 8, 16)}, "expected 12 channels"),
        ({"network": "cr5"}, "cr5"),
        ({"network": b"cr4"}, "cr4"),
        ({"weights": b"12345678"}, "weights"),
        ({"weights": "12345678"}, "weights"),
        ({"bits": 17}, "bits"),
        ({"range": b""}, "range"),
        ({"range": np.array([1, 0], "<f4").tobytes()}, "range"),
        ({"range": np.array([np.nan, 1], "<f4").tobytes()}, "range"),
        ({"range": np.array([0, np.inf], "<f4").tobytes()}, "range"),
        ({"payload": b"123"}, "words"),
    ],
)
def test_hostile_streams_are_refused(change, message):
    model = codec("cae1d.CAE1D", SENTINEL, rates="4")
    encoded = model.encode(image(SENTINEL), "cr4-8bit")
    with pytest.raises(BenchError, match=message):
        model.decode(changed(encoded, **change))


def test_float_streams_have_the_size_of_their_latents():
    model = codec("cae1d.CAE1D", SENTINEL, rates="4")
    encoded = model.encode(image(SENTINEL), "cr4")
    assert model.decode(changed(encoded)).shape == (SENTINEL, 8, 16)
    with pytest.raises(BenchError, match="expected 402653184 float32 latents, found 1536 bytes"):
        model.decode(changed(encoded, shape=(SENTINEL, 8192, 16384)))


def test_latents_that_are_no_numbers_are_refused():
    model = codec("cae1d.CAE1D", SENTINEL, rates="4")
    with torch.no_grad():
        model.networks["cr4"].encoder.network[2].bias[0] = torch.nan
    with pytest.raises(BenchError, match="finite"):
        model.encode(image(SENTINEL), "cr4-8bit")


def test_a_codec_in_training_mode_encodes_nothing():
    # Batch normalisation would look at the image and change the weights.
    model = codec("cae3d.CAE3D", SENTINEL, rates="4")
    encoded = model.encode(image(SENTINEL), "cr4")
    model.train()
    with pytest.raises(BenchError, match="evaluation mode"):
        model.encode(image(SENTINEL), "cr4")
    with pytest.raises(BenchError, match="evaluation mode"):
        model.decode(encoded)


def test_unknown_points_are_refused():
    model = codec("hycot.HyCoT", SENTINEL, rates="4", bits="")
    assert model.points == ("cr4",)
    for ask in (model.encode, model.latents):
        with pytest.raises(RequestError, match="known: cr4"):
            ask(*((image(SENTINEL), "cr8") if ask == model.encode else ("cr8", (12, 8, 8))))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("hycot.HyCoT", {"rates": ""}),
        ("hycot.HyCoT", {"rates": "0"}),
        ("hycot.HyCoT", {"rates": "4 4"}),
        ("hycot.HyCoT", {"rates": "four"}),
        ("hycot.HyCoT", {"bits": "17"}),
        ("hycot.HyCoT", {"bits": "-8"}),
        ("hycot.HyCoT", {"reflectance": 1.0}),
        ("cae1d.CAE1D", {"rates": "1"}),
        ("cae1d.CAE1D", {"rates": "6"}),
        ("sscnet.SSCNet", {"rates": "13000"}),
        ("cae3d.CAE3D", {"rates": "257"}),
    ],
)
def test_impossible_arguments_are_refused(name, arguments):
    with pytest.raises(RequestError, match="can't be built"):
        codec(name, **arguments)
