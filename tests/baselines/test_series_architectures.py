"""The architectures that see series of images: sizes as published, steps as described."""

import math

import numpy as np
import pytest
import torch

from bench.base.errors import BenchError
from bench.models import baseline
from tests.baselines import straightforward_tsvit as plain

MODULES = {
    name: baseline._load(f"architectures.{name}")
    for name in ("series", "tsvit", "tsvit_fusion", "utae", "tempcnn", "floors_series")
}
TSViT = MODULES["tsvit"].TSViT
SYNCHRONIZED = MODULES["tsvit_fusion"].SynchronizedFusion
CROSS = MODULES["tsvit_fusion"].CrossAttentionFusion
TOKENS = MODULES["tsvit_fusion"].TokenConcatenation
CHANNELS = MODULES["tsvit_fusion"].ChannelEncoding
UTAE = MODULES["utae"].UTAE
TEMPCNN = MODULES["tempcnn"].TempCNN
BLIND = MODULES["floors_series"].TimeBlind

SMALL = {"window": 8, "dim": 16, "temporal_depth": 2, "spatial_depth": 1, "heads": 2, "dim_head": 8}
EOEKOLAND = {"window": 80, "temporal_depth": 6, "spatial_depth": 2, "heads": 4, "dim_head": 64}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def size(model):
    return sum(parameter.numel() for parameter in model.parameters())


def a_series(channels, dates, side=8, count=2):
    days = torch.stack([torch.randperm(400)[:dates].sort().values for _ in range(count)])
    pixels = torch.randn(count, dates, channels, side, side)
    return pixels, torch.stack([days, (days + 243) % 366], dim=-1)


def on_common_dates(*channels, dates=5):
    first = a_series(channels[0], dates)
    rest = {f"S{n}": (a_series(n, dates)[0], first[1]) for n in channels[1:]}
    return {"first": first, **rest}


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        (lambda: TSViT(10, 19, 24), 1_657_476),
        (lambda: TSViT(10, 19, 24, dim=64, dim_head=16), 435_524),
        (lambda: TSViT(13, 17, 24, dim_head=64), 2_183_044),
        (lambda: TSViT(10, 15, 24, **EOEKOLAND | {"window": 24}), 2_181_252),
        (lambda: TSViT(16, 15, 80, **EOEKOLAND), 2_370_692),
        (lambda: SYNCHRONIZED(16, 15, 80, "2 10 4", **EOEKOLAND), 5_535_876),
        (lambda: CROSS(16, 15, 80, "2 10 4", **EOEKOLAND), 5_532_804),
        (lambda: TOKENS(16, 15, 80, "2 10 4", **EOEKOLAND), 2_370_948),
        (lambda: CHANNELS(16, 15, 80, **EOEKOLAND), 3_419_012),
        (lambda: UTAE(10, 20, 128), 1_087_260),
        (lambda: UTAE(16, 15, 80, step=10), 1_089_261),
    ],
)
def test_sizes_are_those_published(model, parameters):
    assert size(model()) == parameters


def test_the_size_of_tempcnn_follows_from_its_layers():
    convolutions = 16 * 128 * 7 + 2 * 128 * 128 * 7 + 3 * 128
    dense = 128 * 37 * 512 + 512 + 512 * 15 + 15
    norms = 2 * (3 * 128 + 512)
    assert size(TEMPCNN(16, 15, 80)) == convolutions + dense + norms


@pytest.mark.parametrize("in_rows", [False, True])
def test_tsvit_is_attention_spelled_out(in_rows):
    model = TSViT(3, 4, None, **SMALL, in_rows=in_rows)
    pixels, days = a_series(3, 5)
    torch.testing.assert_close(
        model({"S2": (pixels, days)}), plain.tsvit(model, pixels, days), rtol=0, atol=1e-5
    )


def test_early_fusion_stacks_the_channels():
    model = TSViT(5, 4, None, **SMALL)
    series = on_common_dates(3, 2)
    stacked = torch.cat([pixels for pixels, _ in series.values()], dim=2)
    torch.testing.assert_close(
        model(series), plain.tsvit(model, stacked, series["first"][1]), rtol=0, atol=1e-5
    )


def test_synchronized_fusion_shares_class_tokens_after_every_layer():
    model = SYNCHRONIZED(6, 4, None, "3 1 2", **SMALL)
    series = {"S2": a_series(3, 5), "S1A": a_series(1, 7), "S1D": a_series(2, 4)}
    torch.testing.assert_close(model(series), plain.synchronized(model, series), rtol=0, atol=1e-5)


@pytest.mark.parametrize("released", [False, True])
def test_cross_attention_fusion_is_the_mean_of_the_others_attention(released):
    model = CROSS(6, 4, None, "3 1 2", **SMALL, released=released)
    series = on_common_dates(3, 1, 2)
    torch.testing.assert_close(
        model(series), plain.crossed(model, series, released), rtol=0, atol=1e-5
    )


def test_concatenated_tokens_are_seen_by_one_encoder():
    model = TOKENS(6, 4, None, "3 1 2", **SMALL)
    series = {"S2": a_series(3, 5), "S1A": a_series(1, 7), "S1D": a_series(2, 4)}
    torch.testing.assert_close(model(series), plain.concatenated(model, series), rtol=0, atol=1e-5)


def test_bands_are_encoded_before_dates():
    model = CHANNELS(6, 4, None, **SMALL, channel_depth=2)
    series = on_common_dates(3, 1, 2)
    torch.testing.assert_close(model(series), plain.by_channel(model, series), rtol=0, atol=1e-5)


def test_the_released_quirks_change_the_result():
    series = on_common_dates(3, 1, 2)
    found = []
    for released in (False, True):
        torch.manual_seed(0)
        found.append(CROSS(6, 4, None, "3 1 2", **SMALL, released=released)(series))
    assert not torch.allclose(*found)


def test_padding_as_released_is_seen_by_attention():
    model = TSViT(3, 4, None, **SMALL, padded=9)
    pixels, days = a_series(3, 5)
    more = torch.cat([pixels, torch.zeros(2, 4, 3, 8, 8)], dim=1)
    later = torch.cat([days, torch.zeros(2, 4, 2, dtype=days.dtype)], dim=1)
    found = model({"S2": (pixels, days)})
    torch.testing.assert_close(found, plain.tsvit(model, more, later), rtol=0, atol=1e-5)
    assert not torch.allclose(found, plain.tsvit(model, pixels, days), atol=1e-3)


def test_more_dates_than_released_networks_see_end_with_the_year():
    model = TSViT(3, 4, None, **SMALL, padded=4)
    pixels, days = a_series(3, 6)
    kept = days[..., 1].argsort(dim=1)[:, :4]
    rows = torch.arange(2)[:, None]
    expected = plain.tsvit(model, pixels[rows, kept], days[rows, kept])
    torch.testing.assert_close(model({"S2": (pixels, days)}), expected, rtol=0, atol=1e-5)


def test_days_are_numbered_as_the_released_loader_does():
    """float32(day) / 365.0001, times 365.0001, cut: by NumPy, day by day."""
    counted = MODULES["tsvit"].days_as_released(torch.arange(365))
    scale = np.float32(365.0001)
    expected = [int(np.float32(day) / scale * scale) for day in range(1, 366)]
    assert counted.tolist() == expected
    assert sum(found != day for day, found in enumerate(expected, 1)) == 18
    model = TSViT(3, 4, None, **SMALL, released_days=True)
    pixels, days = a_series(3, 5)
    other = days.clone()
    other[..., 1] = MODULES["tsvit"].days_as_released(days[..., 1])
    expected = plain.tsvit(model, pixels, other)
    torch.testing.assert_close(model({"S2": (pixels, days)}), expected, rtol=0, atol=1e-5)


def test_dates_that_are_numbered_have_their_number_as_position():
    pixels, _ = a_series(3, 5, side=16)
    days = torch.arange(5)[None, :, None].expand(2, 5, 2)
    built = []
    for step in (1, 10):
        torch.manual_seed(0)
        built.append(UTAE(3, 4, None, step=step).eval())
    with torch.no_grad():
        numbered, apart = (m({"S2": (pixels, days * m.step)}) for m in built)
        other = built[1]({"S2": (pixels, days)})
    torch.testing.assert_close(numbered, apart)
    assert not torch.allclose(numbered, other, atol=1e-3)


def test_the_order_of_dates_does_not_matter_to_tsvit_but_the_day_does():
    model = TSViT(3, 4, None, **SMALL).eval()
    pixels, days = a_series(3, 5)
    order = torch.tensor([3, 0, 4, 2, 1])
    with torch.no_grad():
        found = model({"S2": (pixels, days)})
        torch.testing.assert_close(found, model({"S2": (pixels[:, order], days[:, order])}))
        assert not torch.allclose(found, model({"S2": (pixels, days.flip(1))}), atol=1e-3)


@pytest.mark.parametrize("side", [8, 13, 16])
def test_windows_are_what_the_network_says_of_each(side):
    model = TSViT(3, 4, None, **SMALL).eval()
    pixels, days = a_series(3, 5, side=side)
    with torch.no_grad():
        whole = model({"S2": (pixels, days)})
        last = model({"S2": (pixels[..., -8:, -8:], days)})
        first = model({"S2": (pixels[..., :8, :8], days)})
    assert whole.shape == (2, 4, side, side)
    torch.testing.assert_close(whole[..., -8:, -8:], last)
    free = min(8, side - 8) or 8
    torch.testing.assert_close(whole[..., :free, :free], first[..., :free, :free])


def test_images_smaller_than_a_window_are_refused():
    with pytest.raises(BenchError, match=r"at least 8 px.*found 6 x 6 px"):
        TSViT(3, 4, None, **SMALL)({"S2": a_series(3, 5, side=6)})


@pytest.mark.parametrize("channels", ["6", "3 2", "3 1 1 2"])
def test_channels_that_are_not_those_of_the_contract_are_refused(channels):
    with pytest.raises(ValueError, match="6 bands together"):
        SYNCHRONIZED(6, 4, None, channels, **SMALL)
    with pytest.raises(ValueError, match="6 bands together"):
        TOKENS(6, 4, None, channels, **SMALL)


def test_patches_must_fill_a_window():
    with pytest.raises(ValueError, match="windows of 9 px"):
        TSViT(3, 4, None, window=9)


def test_resampling_in_time_is_linear_and_holds_at_the_ends():
    at_days = MODULES["series"].at_days
    days = torch.tensor([[0, 10, 30], [5, 6, 7]])
    values = torch.tensor([[1.0, 2.0, 6.0], [0.0, 10.0, 20.0]])
    wanted = torch.tensor([[-5, 5, 10, 20, 30, 99], [0, 5, 6, 7, 7, 8]])
    found = at_days(values[..., None], days, wanted)[..., 0]
    expected = [np.interp(w, d, v) for w, d, v in zip(wanted, days, values, strict=True)]
    np.testing.assert_allclose(found.numpy(), np.array(expected), rtol=1e-6)


def lightweight_attention(module, features, days):
    """L-TAE at one place at a time, as its paper words it."""
    count, dates, channels, height, width = features.shape
    dim = module.widen.out_channels
    own = dim // module.heads
    image = torch.zeros(count, channels, height, width)
    maps = torch.zeros(module.heads, count, dates, height, width)
    for n in range(count):
        position = torch.zeros(dates, own)
        for t in range(dates):
            for i in range(own):
                angle = float(days[n, t]) / 1000 ** (2 * (i // 2) / own)
                position[t, i] = math.cos(angle) if i % 2 else math.sin(angle)
        for y in range(height):
            for x in range(width):
                place = module.norm_in(features[n, :, :, y, x].T[None])[0].T
                tokens = place @ module.widen.weight[..., 0].T + module.widen.bias
                tokens = tokens + torch.cat([position] * module.heads, dim=1)
                keys = module.keys(tokens).view(dates, module.heads, -1)
                found = []
                for head in range(module.heads):
                    scores = keys[:, head] @ module.queries[head] / keys.shape[-1] ** 0.5
                    weights = scores.softmax(dim=0)
                    maps[head, n, :, y, x] = weights
                    found.append(weights @ tokens[:, head * own : head * own + own])
                image[n, :, y, x] = module.norm_out(module.narrow(torch.cat(found)[None]))[0]
    return image, maps


def test_temporal_attention_is_that_of_ltae():
    module = MODULES["utae"].TemporalAttention(8, heads=4, dim=16, keys=3).eval()
    features, (_, days) = torch.randn(2, 5, 8, 2, 3), a_series(1, 5)
    with torch.no_grad():
        image, maps = module(features, days[..., 0])
        expected, weights = lightweight_attention(module, features, days[..., 0])
    torch.testing.assert_close(image, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(maps, weights, rtol=1e-4, atol=1e-5)


def test_skips_are_averaged_group_by_group():
    weights = torch.rand(2, 1, 3, 1, 1).softmax(dim=2)
    features = torch.randn(1, 3, 6, 4, 4)
    found = MODULES["utae"]._averaged(features, weights.expand(2, 1, 3, 2, 2))
    for channel in range(6):
        share = weights[channel // 3, 0, :, 0, 0]
        expected = (share[:, None, None] * features[0, :, channel]).sum(dim=0)
        torch.testing.assert_close(found[0, channel], expected)


@pytest.mark.parametrize(
    "model",
    [
        lambda: TSViT(4, 3, None, **SMALL),
        lambda: SYNCHRONIZED(4, 3, None, "3 1", **SMALL),
        lambda: CROSS(4, 3, None, "3 1", **SMALL),
        lambda: TOKENS(4, 3, None, "3 1", **SMALL),
        lambda: CHANNELS(4, 3, None, **SMALL, channel_depth=1),
        lambda: UTAE(4, 3, None),
        lambda: TEMPCNN(4, 3, None, width=8, dates=6),
        lambda: BLIND(4, 3, None, width=8),
    ],
)
def test_every_model_maps_ragged_sensors_and_all_of_it_learns(model):
    built = model()
    series = {"S2": a_series(3, 5, side=16), "S1A": a_series(1, 7, side=16)}
    logits = built(series)
    assert logits.shape == (2, 3, 16, 16)
    (logits * torch.randn_like(logits)).sum().backward()
    assert all(parameter.grad is not None for parameter in built.parameters())


def test_the_control_sees_no_time():
    model = BLIND(3, 4, None, width=8).eval()
    pixels, days = a_series(3, 5)
    with torch.no_grad():
        found = model({"S2": (pixels, days)})
        torch.testing.assert_close(found, model({"S2": (pixels.flip(1), days + 7)}))


def test_tempcnn_sees_a_pixel_alone():
    model = TEMPCNN(3, 4, None, width=8, dates=6).eval()
    pixels, days = a_series(3, 5)
    with torch.no_grad():
        found = model({"S2": (pixels, days)})
        alone = model({"S2": (pixels[..., 3:4, 5:6], days)})
    torch.testing.assert_close(found[..., 3:4, 5:6], alone)
