"""The floors of tasks with words: what they see, and what they can't."""

import numpy as np
import pytest
import torch

from bench import models
from bench.base.errors import BenchError
from bench.kinds.common.batch import Batch
from bench.metrics.relevance import relevance_of_groups
from bench.metrics.retrieval import mean_recall, rank_both_ways
from bench.models.baseline import build
from bench.spec import task as tasks
from bench.spec.recipe import Fit

TASK = tasks.load("rsicd-retrieval")
PAIRS = tasks.load("levir-cc-retrieval")
CAPTIONS = tasks.load("rsicd-captioning")
SIDE = 8
COLOURS = {"red": (1.0, -1.0, -1.0), "green": (-1.0, 1.0, -1.0), "blue": (-1.0, -1.0, 1.0)}


def made(name, task=TASK, **arguments):
    contract = task.input(task.inputs[0]).model_copy(update={"size": SIDE})
    return build(f"architectures.floors_text.{name}", arguments, contract, 0).eval()


def batch(seed, count=30, dates=1):
    """Pictures of one colour and much noise, and what is said of the colour."""
    draw = torch.Generator().manual_seed(seed)
    names = [list(COLOURS)[index % len(COLOURS)] for index in range(count)]
    plain = torch.tensor([COLOURS[name] for name in names])[:, :, None, None]
    images = plain + torch.randn(count, 3, SIDE, SIDE, generator=draw)
    if dates == 2:
        images = torch.cat([torch.randn(count, 3, SIDE, SIDE, generator=draw), images], dim=1)
    texts = [[f"it is a {name} field .", f"there are {name} fields"] for name in names]
    return Batch([f"s{i}" for i in range(count)], {"images": images, "texts": texts}, None)


def fitted(network, *batches):
    with torch.inference_mode():
        network.fit(iter(batches))
    return network.eval()


@pytest.mark.parametrize("name", ["rsicd-retrieval", "levir-cc-retrieval", "dubai-cc-retrieval"])
def test_every_task_has_both_floors(name):
    task = tasks.load(name)
    assert not models.find("floor-random", task).model.learns
    assert isinstance(models.find("floor-colours", task).recipe["sample"], Fit)


@pytest.mark.parametrize(("task", "dates"), [(TASK, 1), (PAIRS, 2)])
def test_colours_find_what_is_said_of_colours(task, dates):
    network = fitted(made("ColoursToWords", task), batch(0, 20, dates), batch(1, 10, dates))
    assert network.choices > 3
    network.choose(network.choices - 2)
    seen = batch(2, dates=dates)
    sentences = [f"some {name} fields" for name in COLOURS]
    with torch.inference_mode():
        images = network.encode_image(seen.inputs["images"])
        scores = (
            torch.nn.functional.normalize(images, dim=1)
            @ torch.nn.functional.normalize(network.encode_text(sentences), dim=1).T
        )
    right = scores.argmax(dim=1) == torch.arange(len(images)) % len(COLOURS)
    assert right.float().mean() > 0.9


def test_shuffled_pixels_and_words_are_the_same_to_it():
    network = fitted(made("ColoursToWords"), batch(0))
    images = batch(1).inputs["images"]
    order = torch.randperm(SIDE**2, generator=torch.Generator().manual_seed(0))
    shuffled = images.flatten(2)[:, :, order].view_as(images)
    with torch.inference_mode():
        torch.testing.assert_close(network.encode_image(shuffled), network.encode_image(images))
        one, other = network.encode_text(
            ["A red field, left of a road.", "a road left of a field red"]
        )
    torch.testing.assert_close(one, other)


def test_pictures_and_texts_without_anything_still_have_a_direction():
    network = fitted(made("ColoursToWords"), batch(0))
    with torch.inference_mode():
        assert network.encode_text([""]).any()
        assert network.encode_text(["red", "", "."]).shape == (3, 2048)


def test_random_vectors_depend_on_the_bytes_alone():
    network = made("RandomEmbeddings")
    images = batch(0, 4).inputs["images"]
    found = network.encode_image(images)
    assert network.encode_image(images.clone()[[2]]).equal(found[[2]])
    assert len(found.unique(dim=0)) == 4
    assert network.encode_text(["a", "b", "a"])[0].equal(network.encode_text(["a"])[0])
    assert network.encode_composite(torch.cat([images, images], dim=1)).equal(found)


def test_random_retrieval_scores_what_it_must_in_expectation():
    network = made("RandomEmbeddings")
    count, found = 40, []
    for seed in range(40):
        images = torch.randn(count, 3, 2, 2, generator=torch.Generator().manual_seed(seed))
        pictures = network.encode_image(images).numpy()
        texts = network.encode_text([f"{seed} {index}" for index in range(count)]).numpy()
        own = relevance_of_groups(np.arange(count), np.arange(count))
        there, back = rank_both_ways(pictures, texts, own)
        found.append(mean_recall(there.pessimistic, back.pessimistic))
    expected = (1 + 5 + 10) / 3 / count
    assert abs(np.mean(found) - expected) < 3 * np.std(found) / np.sqrt(len(found))


def captions(*texts):
    images = torch.zeros(len(texts), 3, SIDE, SIDE)
    return Batch([f"s{i}" for i in range(len(texts))], images, [list(own) for own in texts])


@pytest.mark.parametrize(
    ("texts", "wanted"),
    [
        ([["a river .", "a lake ."], ["a lake .", "some trees ."]], "a lake ."),
        # All differ: what is most like the others.
        ([["red", "a grey road"], ["a long road", "a grey long road"]], "a grey long road"),
    ],
)
def test_the_most_frequent_caption_is_said_of_everything(texts, wanted):
    network = fitted(made("FrequentCaption", CAPTIONS), captions(*texts[:1]), captions(*texts[1:]))
    assert network.caption(torch.zeros(3, 3, SIDE, SIDE)) == [wanted] * 3


def test_without_captions_there_is_none_to_choose():
    with pytest.raises(BenchError, match="expected captions to choose from"):
        fitted(made("FrequentCaption", CAPTIONS))
