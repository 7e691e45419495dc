import os
import re
import stat
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from bench.base.errors import BenchError
from bench.metrics.captions import external
from bench.metrics.captions.external import meteor, meteor_statistics, spice
from bench.metrics.captions.tokens import tokenise

CANDIDATES = [("a", "road"), ("two", "trees")]
REFERENCES = [[("a", "wide", "road")], [("trees",), ("two", "green", "trees")]]


@pytest.fixture
def launcher(tmp_path, monkeypatch):
    """Puts a program in the place of java, and empty files in that of the jars."""
    jars = ["meteor/meteor-1.5.jar", "spice/spice-1.0.jar"]
    for jar in [*jars, "spice/lib/stanford-corenlp-3.6.0-models.jar"]:
        (tmp_path / jar).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / jar).touch()
    monkeypatch.setattr(external, "_package", lambda: tmp_path)

    def install(program, interpreter=sys.executable):
        java = tmp_path / "bin" / "java"
        java.parent.mkdir()
        java.write_text(f"#!{interpreter}\n{program}")
        java.chmod(java.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(java.parent))
        return tmp_path

    return install


def test_meteor_is_the_programs(coco, metric_cases):
    cases = {**metric_cases}
    references = [["this is a test", "this is also a test"]]
    cases["single"] = (["this is a good test"], references)
    cases["same"] = (["a road near trees", "a house"], [["a road near trees"], ["a house"]])
    published = {"nlgeval": 0.295797, "good": 0.3444, "bad": 0.1861, "single": 0.44434387}
    texts = [text for case, _ in cases.values() for text in case]
    several = [text for _, case in cases.values() for text in case]
    found = meteor_statistics(tokenise(texts), [tokenise(each) for each in several])
    assert found.reason == ""
    start, scores = 0, {}
    for name, (case, _) in cases.items():
        scores[name] = float(meteor(found.values[start : start + len(case)].sum(axis=0)))
        start += len(case)
    assert scores["same"] == pytest.approx(1)
    for name, score in published.items():
        digits = len(str(score)) - 2
        assert scores[name] == pytest.approx(score, abs=0.6 * 10**-digits)


def test_meteor_by_hand():
    # "this is a good test" and "this is a test", as the program counts them.
    row = np.array([5, 4, 3, 3, 1, 1, 3, 3, *[0] * 12, 2, 4, 4], float)
    precision, recall = (0.75 + 3 * 0.25) / (2 * 0.75 + 3 * 0.25), 1.0
    mean = 1 / (0.15 / precision + 0.85 / recall)
    assert meteor(row) == pytest.approx(mean * (1 - 0.6 * 0.5**0.2))
    assert meteor(np.zeros((2, 23))).tolist() == [0, 0]
    assert meteor(np.stack([row, 3 * row])) == pytest.approx([float(meteor(row))] * 2)
    with pytest.raises(BenchError, match="23 METEOR counts"):
        meteor(np.zeros(22))


def test_spice_reads_what_the_program_wrote(launcher):
    launcher(
        "import json, sys\n"
        "images = json.load(open(sys.argv[sys.argv.index('-jar') + 2]))\n"
        "assert images[1] == {'image_id': 1, 'test': 'two trees',\n"
        "                     'refs': ['trees', 'two green trees']}\n"
        "scores = [{'image_id': 1, 'scores': {'All': {'f': 0.5}}},\n"
        "          {'image_id': 0, 'scores': {'All': {'f': None}}}]\n"
        "json.dump(scores, open(sys.argv[sys.argv.index('-out') + 1], 'w'))\n"
    )
    found = spice(CANDIDATES, REFERENCES)
    assert found.reason == ""
    assert np.array_equal(found.values, [np.nan, 0.5], equal_nan=True)


@pytest.mark.parametrize("score", [meteor_statistics, spice])
@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("import sys\nsys.exit('Exception: no memory')", "java ended with 1 and said: .*no memory"),
        ("import os\nos.kill(os.getpid(), 9)", "java ended with -9"),
        ("", "numbers for 2 images|is missing in"),
        ("print('nonsense', 'twice')\nprint(1)", "not computed|is missing in"),
    ],
)
def test_a_program_that_fails_gives_a_reason(launcher, score, program, reason):
    launcher(program)
    found = score(CANDIDATES, REFERENCES)
    assert found.values is None
    assert found.reason.startswith("not computed: ")
    assert re.search(reason, found.reason)


@pytest.mark.parametrize("score", [meteor_statistics, spice])
def test_a_program_that_hangs_is_ended_with_its_children(launcher, score):
    folder = launcher('/bin/sleep 600 &\necho $$ $! > "${0%java}pids"\nwait\n', "/bin/sh")
    found = score(CANDIDATES, REFERENCES, timeout=3)
    assert found.values is None
    assert found.reason == "not computed: java took longer than 3 seconds"
    parent, child = map(int, (folder / "bin/pids").read_text().split())
    with pytest.raises(ProcessLookupError):
        os.kill(parent, 0)
    for _ in range(200):  # Who adopts an orphan takes a moment to bury it.
        if not alive(child):
            return
        time.sleep(0.05)
    pytest.fail("the child of the program lives on")


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_what_is_missing_is_named(launcher, monkeypatch, tmp_path):
    folder = launcher("")
    (folder / "spice/lib/stanford-corenlp-3.6.0-models.jar").unlink()
    assert "stanford-corenlp-3.6.0-models.jar is missing" in spice(CANDIDATES, REFERENCES).reason
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    assert meteor_statistics(CANDIDATES, REFERENCES).reason == (
        "not computed: there is no java on the PATH"
    )


def test_without_the_package(monkeypatch):
    monkeypatch.setattr(external.importlib.util, "find_spec", lambda name: None)
    for score in (meteor_statistics, spice):
        found = score(CANDIDATES, REFERENCES)
        assert found.values is None
        assert found.reason.startswith("not computed: pycocoevalcap isn't installed")


@pytest.mark.parametrize("score", [meteor_statistics, spice])
def test_refuses_images_without_references(score):
    with pytest.raises(BenchError, match="none for image 0"):
        score([("a",)], [[]])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError("x.jar is missing in /home/me/lib/spice"), "x.jar is missing in spice"),
        (
            OSError(13, "Permission denied", "/home/me/a.jar"),
            "[Errno 13] Permission denied: 'a.jar'",
        ),
        (ValueError(r"no file C:\Users\me\a.jar"), "no file a.jar"),
        (ValueError("expected 2 numbers, found 1/2"), "expected 2 numbers, found 1/2"),
    ],
)
def test_a_reason_names_no_folder_of_this_machine(error: Exception, said: str) -> None:
    assert external._reason(error) == said
