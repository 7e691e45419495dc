"""Pictures of runs on the page: only what a run noted, only where there is room."""

import base64
import hashlib
import io

import numpy as np
import pytest
from PIL import Image

from bench.base.errors import BenchError
from bench.report import leaderboard
from bench.report.leaderboard import images, page
from tests.report.leaderboard.fabricated import manifest, recorded
from tests.report.leaderboard.test_page import content


def png(seed, side=20):
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def noted(*contents, names=("depth.png", "sample-1.png")):
    return {
        name: hashlib.sha256(one).hexdigest() for name, one in zip(names, contents, strict=False)
    }


def drawn(results, run, **files):
    folder = results / "runs" / run["run"] / "pictures"
    folder.mkdir(parents=True)
    for name, one in files.items():
        (folder / f"{name}.png").write_bytes(one)
    return run


def pixels(content):
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"), int)


def pictures(results):
    return [board["pictures"] for board in content(leaderboard.render(results))["boards"]]


def test_a_ranked_run_carries_its_first_picture(tmp_path):
    first, second = png(1), png(2)
    best = manifest("t", "a", 0.6, pictures=noted(first, second))
    bare = manifest("t", "b", 0.5)
    partial = manifest("t", "c", 0.9, partial=True, mark="part", pictures=noted(second))
    drawn(tmp_path, best, depth=first, **{"sample-1": second})
    drawn(tmp_path, partial, depth=second)
    recorded(tmp_path, best, bare, partial)
    (carried,) = pictures(tmp_path)
    assert list(carried) == ["0"]
    assert [title for title, _, _ in carried["0"]] == ["sample 1", "depth"]
    for (_, kind, image), original in zip(carried["0"], (second, first), strict=True):
        with Image.open(io.BytesIO(base64.b64decode(image))) as picture:
            assert (picture.format.lower(), picture.size) == (kind, (20, 20))
            difference = np.asarray(picture.convert("RGB"), int) - pixels(original)
            assert abs(difference).mean() < 60


def test_large_pictures_are_carried_as_small_files(tmp_path):
    one = png(0, side=300)
    assert len(one) > 200_000
    run = drawn(tmp_path, manifest("t", "a", 0.6, pictures=noted(one)), depth=one)
    ((_, kind, image),) = pictures(recorded(tmp_path, run))[0]["0"]
    assert kind == "webp"
    assert len(image) < len(one) / 2


@pytest.mark.parametrize(
    "notes",
    [
        {"../../secret.png": "0" * 64},
        {"depth.svg": "0" * 64},
        {"depth.png": "0" * 64},
        {"": ""},
    ],
)
def test_what_a_run_did_not_note_is_not_shown(tmp_path, notes):
    run = drawn(tmp_path, manifest("t", "a", 0.6, pictures=notes), depth=png(1))
    (tmp_path / "secret.png").write_bytes(png(2))
    assert pictures(recorded(tmp_path, run)) == [{}]


@pytest.mark.parametrize("notes", [{"depth.png": 7}, ["depth.png"], "depth.png", 7])
def test_a_run_with_notes_of_another_type_is_refused(tmp_path, notes):
    run = drawn(tmp_path, manifest("t", "a", 0.6, pictures=notes), depth=png(1))
    with pytest.raises(BenchError, match="pictures"):
        recorded(tmp_path, run)


@pytest.mark.parametrize("one", [b"<svg onload='alert(1)'/>", png(0, side=500), b""])
def test_what_is_no_small_png_is_not_shown(tmp_path, one):
    assert len(png(0, side=500)) > images.LARGEST
    run = drawn(tmp_path, manifest("t", "a", 0.6, pictures=noted(one)), depth=one)
    assert pictures(recorded(tmp_path, run)) == [{}]


def test_where_room_is_spent_the_best_have_pictures(tmp_path):
    one, two = png(3), png(4)
    files = {"depth": one, "sample-1": two}
    runs = [
        drawn(tmp_path, manifest(task, entry, value, pictures=noted(one, two)), **files)
        for task in ("t", "u")
        for entry, value in (("a", 0.6), ("b", 0.5), ("c", 0.4), ("d", 0.3))
    ]
    recorded(tmp_path, *runs)
    boards = page.boards(page.read(tmp_path)[0])
    everything = images.embedded(tmp_path, boards, 10**6)
    for carried in everything:
        assert {row: len(found) for row, found in carried.items()} == {
            "0": 2,
            "1": 2,
            "2": 2,
            "3": 1,
        }
    size = max(len(image) for _, _, image in everything[0]["0"])
    # One picture of each board's best run comes before the second of any.
    found = images.embedded(tmp_path, boards, 3 * size)
    assert [{row: len(some) for row, some in carried.items()} for carried in found] == [
        {"0": 2},
        {"0": 1},
    ]
    assert images.embedded(tmp_path, boards, 0) == [{}, {}]
