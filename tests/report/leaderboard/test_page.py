import base64
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys

import pytest

from bench.base.errors import BenchError
from bench.report import leaderboard
from bench.report.leaderboard import page
from bench.results import store
from bench.spec import task as tasks
from tests.report.leaderboard.fabricated import manifest, many, recorded, score


def content(text):
    """What the page's script reads."""
    (packed,) = re.findall(r'<script type="text/plain" id="data">(.*?)</script>', text)
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def decoded(column, name):
    values = column[name]
    return (
        [None if c == " " else ord(c) - 35 for c in values] if isinstance(values, str) else values
    )


def test_the_same_rows_give_the_same_bytes(showcase, tmp_path):
    first = leaderboard.render(showcase)
    shutil.copytree(showcase / "runs", tmp_path / "runs")
    store.rebuild(tmp_path)
    assert leaderboard.render(tmp_path) == first


def test_every_number_of_the_database_comes_back(tmp_path):
    further = [
        score("ap", "classes", "Pastures", 0.25, 0.1),
        score("f1", "macro", "", 0.125, None),
        score("ap", "macro", "", 0.375, 0.2, 77, "country=Portugal"),
    ]
    found = content(
        leaderboard.render(
            recorded(
                tmp_path,
                manifest("t", "a", 0.6125, scores=further),
                manifest("t", "b", -0.25),
            )
        )
    )
    words = found["words"]
    (board,) = found["boards"]
    scale = 10 ** board["score"]["digits"]
    assert [value / scale for value in board["score"]["value"]] == [0.6125, -0.25]
    below, above = (decoded(board["score"], name) for name in ("below", "above"))
    assert [below[0] / scale, above[0] / scale] == pytest.approx([0.011, 0.009])
    columns = {
        tuple(words[column[key]] for key in ("slice", "metric", "average", "label")): column
        for column in board["scores"]
    }
    assert set(columns) == {
        ("", "ap", "classes", "Pastures"),
        ("", "f1", "macro", ""),
        ("country=Portugal", "ap", "macro", ""),
    }
    pastures = columns["", "ap", "classes", "Pastures"]
    assert decoded(pastures, "value") == [0.25 * 10 ** pastures["digits"], None]
    assert decoded(columns["", "f1", "macro", ""], "below") == [None, None]
    assert columns["country=Portugal", "ap", "macro", ""]["samples"] == [77, None]


def test_only_scores_of_the_primary_metric_are_carried_by_class(tmp_path):
    further = [score("f1", "classes", "Pastures", 0.5), score("psnr", "mean", "bpppc=2.1", 30.0)]
    (board,) = content(
        leaderboard.render(recorded(tmp_path, manifest("t", "a", 0.5, scores=further)))
    )["boards"]
    assert len(board["scores"]) == 1
    assert board["scores"][0]["label"] != board["scores"][0]["slice"]


def test_a_page_carries_the_further_scores_of_the_first_rows_only(tmp_path, monkeypatch):
    many(tmp_path, entries=6, task_count=2, scores=5)
    monkeypatch.setattr(page, "_most", lambda frame, boards: 2 * 3 * 4)
    found = content(leaderboard.render(tmp_path))
    assert [board["depth"] for board in found["boards"]] == [3, 3]
    for board in found["boards"]:
        values = decoded(board["scores"][0], "value")
        assert [value is not None for value in values] == [True] * 3 + [False] * 3


def test_the_policy_allows_exactly_what_is_in_the_page(showcase):
    text = leaderboard.render(showcase)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    rules = dict(rule.split(" ", 1) for rule in policy.replace("&#39;", "'").split("; "))
    assert rules["default-src"] == "'none'"
    for element, rule in (("script", "script-src"), ("style", "style-src")):
        inline = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        hashes = [base64.b64encode(hashlib.sha256(i.encode()).digest()).decode() for i in inline]
        assert inline
        assert rules[rule].split() == [f"'sha256-{found}'" for found in hashes]
    assert not re.search(r"\son[a-z]+=|\sstyle=", text.partition("<script")[0])


def test_nothing_in_the_page_is_loaded(showcase):
    markup = re.sub(r"<script.*?</script>", "", leaderboard.render(showcase), flags=re.DOTALL)
    assert re.findall(r'\s(?:src|srcset|action|data)="', markup) == []
    assert all(link.startswith("data:") for link in re.findall(r'<link[^>]*href="([^"]*)"', markup))


def test_an_asset_that_would_end_its_element_is_refused():
    with pytest.raises(Exception, match="end its element"):
        page._inline("const text = '</ScRiPt>';")


def test_every_task_shows_its_protocol_and_its_digest(showcase):
    text = leaderboard.render(showcase)
    for name in tasks.names():
        task = tasks.load(name)
        assert f'data-task="{name}"' in text
        assert task.digest in text
        assert f"bench info {name}" in text


def test_hostile_words_reach_the_markup_only_escaped(tmp_path):
    task = "<script>alert(1)</script>"
    run = manifest("t", "e", 0.5, of_task={"name": task, "kind": '"><img src=x onerror=alert(1)>'})
    text = leaderboard.render(recorded(tmp_path, run))
    assert "<script>alert(1)" not in text
    assert "<img" not in text


def test_megabytes_of_words_stay_small(tmp_path):
    about = {"note": "n" * 3_000_000, "title": "t" * 3_000_000, "url": "https://a/" + "u" * 10**6}
    text = leaderboard.render(recorded(tmp_path, manifest("t", "e", 0.5, about=about)))
    (line,) = [word for word in content(text)["words"] if word.count("\n") > 5 and "@" not in word]
    assert len(line) < 2 * 600 + 300


def test_a_run_whose_facts_have_other_types_is_refused(tmp_path):
    about = {"title": {"a": [1]}, "authors": 7, "note": None, "url": ["x"]}
    with pytest.raises(BenchError, match=r"entry\.title"):
        recorded(tmp_path, manifest("t", "e", 0.5, about=about))


def test_published_numbers_are_beside_the_board_with_source_and_doubt(tmp_path):
    folder = tmp_path / "reported"
    folder.mkdir()
    (folder / "somebody.toml").write_text(
        """
title = "A study"
authors = "Ada, Bob"
year = 2024
url = "https://example.org/a"
trust = "reported"
leaves_out = "two rows"
[[table]]
where = "Table 2"
tasks = ["reben-mlc"]
split = "test"
inputs = "sentinel-2-l2a"
metrics = { ap_macro = "percent" }
differs = "other crops"
doubt = "rests on a reconstruction"
values = { "their net" = [71.25] }
[[table]]
where = "Table 3"
experiments = ["other-fields"]
related = ["reben-mlc", "reben-cutmix"]
why = "another data set"
split = "test"
inputs = "sentinel-2-l2a"
metrics = { ap_macro = "percent" }
values = { "their net" = [99.0] }
"""
    )
    found = content(leaderboard.render(recorded(tmp_path, manifest("t", "a", 0.5))))
    words = found["words"]
    (row,) = [r for r in found["reported"] if words[r["source"]].endswith("A study")]
    assert row["value"] == 0.7125
    assert words[row["cite"]] == "Ada et al. 2024"
    assert [words[row[key]] for key in ("metric", "differs", "doubt", "trust", "url")] == [
        "ap_macro",
        "other crops",
        "rests on a reconstruction",
        "reported",
        "https://example.org/a",
    ]
    assert (words[row["missing"]], row["best"]) == ("two rows", False)
    assert words[row["named"]] == "mean AP"
    (row,) = [r for r in found["related"] if words[r["source"]].endswith("A study")]
    assert row["value"] == 0.99
    assert (words[row["experiment"]], words[row["why"]]) == ("other-fields", "another data set")
    names = [words[task["name"]] for task in found["tasks"]]
    assert [names[task] for task in row["tasks"]] == ["reben-mlc", "reben-cutmix"]


def test_rendering_imports_no_torch(showcase, tmp_path):
    code = (
        "import sys; from pathlib import Path; from bench.report import leaderboard; "
        f"leaderboard.write(Path({str(showcase)!r}), Path({str(tmp_path / 'x.html')!r})); "
        "slow = ('torch', 'bench.evaluate.stages'); "
        "sys.exit(', '.join(m for m in slow if m in sys.modules) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_vendored_libraries_have_pins_and_licences():
    for library in page.libraries():
        assert library["integrity"].startswith("sha512-")
        assert re.fullmatch(r"\d+\.\d+\.\d+", library["version"])
        assert "copyright" in library["text"].lower()


def test_the_verb_writes_the_file(showcase, bench):
    bench.in_process(["leaderboard", "--out", "folder/board.html", "--results", showcase])
    out = bench.folder / "folder" / "board.html"
    assert out.read_text(encoding="utf-8") == leaderboard.render(showcase)


def test_means_over_folds_are_carried_with_their_tasks(tmp_path):
    first, second = "pastis-crop-mapping", "pastis-crop-mapping-fold2"
    made = [
        manifest(
            name,
            "net-s2",
            value,
            metric="iou",
            track="sample",
            of_task={"digest": tasks.load(name).digest, "primary": "iou_macro", "kind": "crops"},
        )
        for name, value in ((first, 0.5), (second, 0.6))
    ]
    found = content(leaderboard.render(recorded(tmp_path, *made)))
    (row,) = found["folds"]
    named = [found["words"][found["tasks"][index]["name"]] for index in row["of"]]
    assert named == [first, second, *(f"{first}-fold{number}" for number in (3, 4, 5))]
    assert (row["track"], found["words"][row["entry"]]) == ("sample", "net-s2")
    assert (row["mean"], row["std"], row["folds"]) == (0.55, 0.071, 2)
    # Across tasks they are one task: folds share most of their samples.
    assert found["across"]["sample"] == []
