"""The baselines of captioning, small and on made-up pictures."""

import pytest
import torch
from torch.nn.functional import cosine_similarity

from bench import models
from bench.base import weights
from bench.base.errors import BenchError
from bench.kinds.common.batch import Batch
from bench.models.baseline import build
from bench.spec import task as tasks
from bench.spec.recipe import Fit

TASK = tasks.load("rsicd-captioning")
CHANGES = tasks.load("levir-cc-captioning")
SIDE = 64
COLOURS = {"red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "white": (1, 1, 1)}


def made(name, task=TASK, size=SIDE, **arguments):
    contract = task.input(task.inputs[0]).model_copy(update={"size": size})
    torch.manual_seed(0)
    return build(f"architectures.{name}", arguments, contract, 0)


def pictures(count=12, seed=0):
    """Plain colours with some noise, and what is written about them."""
    draw = torch.Generator().manual_seed(seed)
    names = [list(COLOURS)[index % len(COLOURS)] for index in range(count)]
    plain = torch.tensor([COLOURS[name] for name in names], dtype=torch.float32)
    noise = 0.1 * torch.randn(count, 3, SIDE, SIDE, generator=draw)
    captions = [[f"a {name} field .", f"it is {name}"] for name in names]
    return Batch([f"s{i}" for i in range(count)], plain[:, :, None, None] + noise, captions)


def nearest(**arguments):
    return made("nearest_caption.NearestCaption", **arguments)


def captioner(task=TASK, **arguments):
    small = {"encoder": "test_efficientnet", "width": 32, "heads": 4, "merges": 500, "length": 12}
    return made("captioner.Captioner", task, **(small | arguments))


def fitted(network, *batches):
    with torch.inference_mode():
        network.fit(iter(batches))
    return network.eval()


def test_every_task_has_a_captioner_and_floors():
    for name in ("rsicd", "ucm", "gaia", "levir-cc"):
        task = tasks.load(f"{name}-captioning")
        for model in ("floor-nearest-caption", "floor-frequent-caption", "transformer"):
            found = models.find(model, task)
            assert {"official", "sample"} <= set(found.recipe)
            network = models.build(found.on("sample"), 0)
            assert callable(network.caption)
        assert isinstance(models.find("floor-nearest-caption", task).recipe["sample"], Fit)


def test_the_nearest_picture_lends_its_first_caption(tmp_path):
    shown = pictures(8)
    network = fitted(nearest(memory=20), shown.pick(range(5)), shown.pick(range(5, 8)))
    seen = pictures(16, seed=1)
    said = network.caption(seen.inputs)
    assert said == [several[0] for several in seen.targets]
    weights.save(network, tmp_path / "model.safetensors")
    again = nearest(memory=20)
    weights.fill(again, tmp_path / "model.safetensors")
    assert again.eval().caption(seen.inputs) == said


def test_it_is_the_cosine_of_standardised_features():
    shown, seen = pictures(12), pictures(12, seed=1)
    network = fitted(nearest(memory=12), shown)
    rows, asked = network.encoder(shown.inputs), network.encoder(seen.inputs)
    mean, std = rows.mean(0), rows.std(0, correction=0)
    best = cosine_similarity(((asked - mean) / std)[:, None], ((rows - mean) / std)[None], dim=2)
    wanted = [shown.targets[index][0] for index in best.argmax(1).tolist()]
    assert network.caption(seen.inputs) == wanted


def test_statistics_are_means_spreads_and_edges():
    network = nearest()
    image = torch.zeros(1, 3, SIDE, SIDE)
    image[:, 0, :, ::2] = 1
    found = network.encoder(image).view(3, 3, 4, 4)
    torch.testing.assert_close(found[0, 0], torch.full((4, 4), 0.5))
    torch.testing.assert_close(found[1, 0], torch.full((4, 4), 0.5))
    torch.testing.assert_close(found[2, 0, :, 1:], torch.ones(4, 3))
    assert not found[:, 1:].any()


def test_a_full_memory_keeps_a_sample_of_all(monkeypatch):
    shown = pictures(40)
    numbered = Batch(shown.samples, shown.inputs, [[str(i)] for i in range(40)])
    network = fitted(nearest(memory=10), *[numbered.pick(range(i, i + 8)) for i in range(0, 40, 8)])
    kept = {int(bytes(row.tolist()).rstrip(b"\0")) for row in network.text}
    assert int(network.count) == len(kept) == 10
    assert max(kept) >= 20
    assert fitted(nearest(memory=10), numbered).text.equal(network.text)


def test_captions_are_cut_between_words():
    shown = pictures(2)
    texts = [["é" * 4 + " two three"], ["\0" + "x" * 30]]
    network = fitted(nearest(memory=2, characters=12), Batch(shown.samples, shown.inputs, texts))
    assert network.caption(shown.inputs) == ["éééé two", ""]


def test_what_was_never_fitted_is_refused():
    with pytest.raises(BenchError, match="expected 1 to 5 images in memory, found 0"):
        nearest(memory=5).caption(torch.zeros(1, 3, SIDE, SIDE))
    network = nearest(memory=5)
    network.count.fill_(6)
    with pytest.raises(BenchError, match="found 6"):
        network.caption(torch.zeros(1, 3, SIDE, SIDE))


def test_changes_are_told_by_the_difference_of_dates():
    before = pictures(12)
    after = before.inputs.clone()
    after[:, :, SIDE // 2 :, SIDE // 2 :][::3] = 0.3
    told = [["something was built"] if i % 3 == 0 else ["no change"] for i in range(12)]
    both = Batch(before.samples, torch.cat([before.inputs, after], dim=1), told)
    network = fitted(nearest(task=CHANGES, memory=12), both)
    other = torch.cat([pictures(12, 1).inputs, after], dim=1)
    assert network.caption(other) == [several[0] for several in told]


def test_a_captioner_learns_to_name_colours():
    torch.set_num_threads(1)
    shown = pictures(8)
    network = captioner(dropout=0.0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3)
    first = None
    for _ in range(25):
        loss = network.loss(shown.inputs, [several[:1] for several in shown.targets])
        first = first or float(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < first / 4
    network.eval()
    with torch.inference_mode():
        said = network.caption(pictures(8, seed=1).inputs)
    assert said == [several[0] for several in pictures(8, seed=1).targets]


def test_the_loss_is_of_each_piece_given_those_before():
    network = captioner().eval()
    images = pictures(2).inputs
    captions = [["a red field"], ["blue"]]
    with torch.inference_mode():
        cells = network._seen(images)
        total, count = 0.0, 0
        for image, (caption,) in enumerate(captions):
            pieces = [*network._encoded(caption), network.end]
            for place, wanted in enumerate(pieces):
                given = torch.tensor([[network.begin, *pieces[:place]]])
                scores = network._scores(cells[image : image + 1], given)[0, -1]
                total -= float(scores.log_softmax(0)[wanted])
                count += 1
        assert float(network.loss(images, captions)) == pytest.approx(total / count, rel=1e-4)
        # Several captions of a picture count one by one.
        several = network.loss(images[:1], [["a red field", "blue"]])
        same = network.loss(images[[0, 0]], captions)
        torch.testing.assert_close(several, same)


def test_captions_do_not_depend_on_who_else_is_in_the_batch():
    network = captioner().eval()
    images = pictures(5).inputs
    with torch.inference_mode():
        together = network.caption(images)
        alone = [network.caption(image[None])[0] for image in images]
    assert together == alone


@pytest.mark.parametrize(
    "text", ["storage tanks, a viaduct", "<end_of_text> ok", "ñandú 12 🙂", "x" * 300, ""]
)
def test_anything_can_be_written(text):
    network = captioner(length=40)
    pieces = network._encoded(text)
    assert all(0 <= piece < network.begin for piece in pieces)
    assert len(pieces) <= 40
    written = network._decoded([*pieces, network.end, 7])
    plain = "".join(text.split())
    assert plain.startswith("".join(written.split()))
    if len(pieces) < 40:
        assert "".join(written.split()) == plain
    assert float(network.loss(pictures(1).inputs, [[text]])) > 0


def test_two_dates_share_a_network_and_give_their_difference():
    network = captioner(CHANGES).eval()
    before, after = pictures(2).inputs, pictures(2, seed=3).inputs
    with torch.inference_mode():
        alone = [network.encoder(date) for date in (before, after)]
        seen = network._seen(torch.cat([before, after], dim=1))
        maps = torch.cat([*alone, alone[1] - alone[0]], dim=1)
        wanted = network.look(maps.flatten(2).transpose(1, 2)) + network.where
    torch.testing.assert_close(seen, wanted)
    assert network.loss(torch.cat([before, after], 1), [["a"], ["b"]]).requires_grad


def test_odd_sizes_are_covered_by_cells():
    assert captioner(size=70).caption(torch.zeros(1, 3, 70, 70))


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("nearest_caption.NearestCaption", {"encoder": "none"}),
        ("captioner.Captioner", {"encoder": "none"}),
    ],
)
def test_unknown_networks_are_named(name, arguments):
    with pytest.raises(Exception, match="none"):
        made(name, **arguments)


def test_channels_must_be_those_of_dates():
    contract = tasks.load("reben-mlc").input("s2")
    with pytest.raises(Exception, match="3 or 6 channels"):
        build("architectures.nearest_caption.NearestCaption", {}, contract, 0)
