"""Pictures turned, jittered, made grey and blurred; captions whose picture was mirrored."""

import bench.base.torch_setup  # noqa: F401  # isort: skip
import pytest
import torch
from torchvision.transforms.v2 import functional as library

from bench import kinds
from bench.base.errors import RequestError
from bench.kinds.common import photographic, sides
from bench.kinds.common.photographic import Photographic
from bench.models import entries
from bench.spec import task as tasks
from bench.spec.recipe import Recipe

PAIRS = tasks.load("levir-cc-retrieval")
OWN = PAIRS.input("pair")
MEAN, STD = (torch.tensor(values)[:, None, None] for values in (OWN.mean, OWN.std))


def pairs(count: int = 6, side: int = 16) -> torch.Tensor:
    """Fractions of one colour at one date and of patterns at the other."""
    return torch.rand(count, 6, side, side, generator=torch.Generator().manual_seed(0))


def changed(fractions: torch.Tensor, seed: int = 1, **options: float) -> torch.Tensor:
    given = (fractions - MEAN) / STD
    draw = torch.Generator().manual_seed(seed)
    found = photographic.changed(Photographic(**options), PAIRS, given, draw)
    return found * STD + MEAN


def test_nothing_is_changed_by_default() -> None:
    given = pairs()
    draw = torch.Generator().manual_seed(0)
    assert photographic.changed(Photographic(), PAIRS, given, draw) is given
    assert draw.initial_seed() == 0
    assert not Photographic(jitter=0, hue=0.1).changes
    assert Photographic(hue=0.1).changes


@pytest.mark.parametrize(
    "options",
    [
        {"rotation": 15.0},
        {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.05},
        {"grey": 1.0},
        {"blur": 1.0},
    ],
)
def test_both_dates_are_changed_alike_and_pictures_by_themselves(options: dict[str, float]) -> None:
    one = pairs()
    one[:, 3:] = one[:, :3]
    one[1] = one[0]
    found = changed(one, **options)
    torch.testing.assert_close(found[:, :3], found[:, 3:])
    assert not torch.allclose(found, one, atol=1e-3)
    torch.testing.assert_close(found, changed(one, **options))
    if "grey" not in options:
        assert not torch.allclose(found[0], found[1], atol=1e-4)


def test_each_change_is_torchvisions_between_its_bounds() -> None:
    given = pairs(40, 8)
    factors = changed(given, brightness=0.1)[:, 0] / given[:, 0]
    inside = given[:, 0] < 0.9
    assert 0.9 - 1e-4 < float(factors[inside].min()) < 0.93
    assert 1.07 < float(factors[inside].max()) < 1.1 + 1e-4
    grey = changed(given, grey=1.0)
    wanted = library.rgb_to_grayscale(given[:, 3:], num_output_channels=3)
    torch.testing.assert_close(grey[:, 3:], wanted, rtol=1e-4, atol=1e-5)
    some = (changed(given, grey=0.5) - given).abs().amax(dim=(1, 2, 3)) > 1e-3
    assert 10 < int(some.sum()) < 30
    # What is turned in from outside is black.
    assert float(changed(torch.ones(1, 6, 32, 32), rotation=45.0)[0, :, 0, 0].abs().max()) < 1e-5
    centre = changed(torch.ones(1, 6, 32, 32), rotation=45.0)[0, :, 16, 16]
    torch.testing.assert_close(centre, torch.ones(6))


def test_only_pictures_in_rgb_by_the_first_input_are_changed() -> None:
    options = Photographic(grey=0.2)
    photographic.check(options, PAIRS, OWN)
    bands = tasks.load("reben-alignment-retrieval")
    with pytest.raises(RequestError, match="in RGB, not on R G B B01"):
        photographic.check(options, bands, bands.input("rgb-s2"))
    other = OWN.model_copy(update={"mean": (0.5,) * 6})
    with pytest.raises(RequestError, match="first input of a task"):
        photographic.check(options, PAIRS, other)
    photographic.check(Photographic(), bands, bands.input("rgb-s2"))


@pytest.mark.parametrize(
    ("said", "across", "along", "wanted"),
    [
        ("a road on the top left", False, False, "a road on the top left"),
        ("a road on the top left", True, False, "a road on the top right"),
        ("a road on the top left", False, True, "a road on the bottom left"),
        ("the lower-right corner", True, True, "the upper-left corner"),
        ("Left and right, above and below", True, True, "Right and left, below and above"),
        ("trees are cut down at a right angle", True, True, "trees are cut down at a right angle"),
        ("a stop near the bright topsoil", True, True, "a stop near the bright topsoil"),
    ],
)
def test_words_for_sides_follow_a_mirrored_picture(
    said: str, across: bool, along: bool, wanted: str
) -> None:
    assert sides.mirrored(said, across, along) == wanted
    assert sides.mirrored(wanted, across, along) == said


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("reben-zeroshot", "clip-patched"),
        ("levir-cc-retrieval", "text-itsr-tff"),
        ("dubai-cc-retrieval", "text-itsr-gff-sum-bert"),
        ("levir-cc-retrieval", "clip-finetuned"),
    ],
)
def test_recipes_ask_for_changes_that_their_inputs_allow(task: str, model: str) -> None:
    declared = tasks.load(task)
    entry = entries.baseline(model, declared).on("official")
    recipe = entry.recipe["official"]
    assert isinstance(recipe, Recipe)
    options = kinds.of(declared).Options.model_validate(recipe.options)
    assert isinstance(options, Photographic)
    assert options.changes == (model != "clip-finetuned")
    photographic.check(options, declared, entry.input)
