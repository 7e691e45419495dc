"""The rule of reference weights, and what its comparison accepts."""

import pytest
import torch

from tests.baselines import reference


def test_numbers_follow_from_a_name():
    found = reference.numbers("images", (3, 4))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, reference.numbers("images", (3, 4)), rtol=0, atol=0)
    assert not torch.equal(found, reference.numbers("other", (3, 4)))
    many = reference.numbers("images", (100_000,), torch.float64)
    assert abs(float(many.mean())) < 0.01
    assert abs(float(many.var()) - 1) < 0.01


def test_splitmix64_is_that_of_its_authors():
    """The first outputs of SplitMix64 begun at 1234567, as its reference code prints them."""
    with pytest.MonkeyPatch.context() as patch:
        begin = (1234567).to_bytes(8, "big")
        digest = type("Digest", (), {"digest": lambda self: begin})
        patch.setattr(reference.hashlib, "sha256", lambda _: digest())
        found = reference._uniform("", (3,))
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert found.tolist() == [(value >> 11) * 2.0**-52 - 1 for value in published]


def test_every_float_tensor_is_filled_and_integers_stay():
    layers = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))
    for parameter in layers.parameters():
        torch.nn.init.zeros_(parameter)
    reference.fill(layers, keep=["*running_mean"])
    state = layers.state_dict()
    assert state["1.num_batches_tracked"] == 0
    assert not state["1.running_mean"].any()
    assert all(state[name].all() for name in ("0.weight", "0.bias", "1.weight", "1.running_var"))
    again = reference.fill(
        torch.nn.ModuleDict({"a": torch.nn.Conv2d(2, 3, 3)}), lambda n: "0" + n[1:]
    )
    torch.testing.assert_close(again["a"].weight, layers[0].weight)


def test_what_differs_or_is_unknown_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(reference, "FOLDER", tmp_path)
    found = reference.numbers("found", (4, 5))
    with pytest.raises(AssertionError, match="has no network") as unknown:
        reference.check("family", "network", found)
    (tmp_path / "family.toml").write_text(str(unknown.value).partition("\n\n")[2])
    reference.check("family", "network", found)
    reference.check("family", "network", found + 1e-6)
    for other in (found + 1e-3, found * 1.01, found.flip(0)):
        with pytest.raises(AssertionError, match="network"):
            reference.check("family", "network", other)
    with pytest.raises(AssertionError, match="shape"):
        reference.check("family", "network", found.reshape(-1))
