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
    assert pictures(tmp_path) == [{"0": base64.b64encode(first).decode()}]


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


@pytest.mark.parametrize("one", [b"<svg onload='alert(1)'/>", png(0, side=120), b""])
def test_what_is_no_small_png_is_not_shown(tmp_path, one):
    assert len(png(0, side=120)) > images.LARGEST
    run = drawn(tmp_path, manifest("t", "a", 0.6, pictures=noted(one)), depth=one)
    assert pictures(recorded(tmp_path, run)) == [{}]


def test_where_room_is_spent_the_best_have_a_picture(tmp_path, monkeypatch):
    one = png(3)
    size = len(base64.b64encode(one))
    runs = [
        drawn(tmp_path, manifest(task, entry, value, pictures=noted(one)), depth=one)
        for task in ("t", "u")
        for entry, value in (("a", 0.6), ("b", 0.5), ("c", 0.4))
    ]
    recorded(tmp_path, *runs)
    boards = page.boards(page.read(tmp_path)[0])
    found = images.embedded(tmp_path, boards, 3 * size + 5)
    assert [list(carried) for carried in found] == [["0", "1"], ["0"]]
    assert images.embedded(tmp_path, boards, 0) == [{}, {}]
