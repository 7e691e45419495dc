"""Entries across tasks in a browser: the sets, the matrix, and who can be told apart."""

import csv
import io

from bench.report import leaderboard
from tests.report.leaderboard.fabricated import manifest, recorded

VIEW = "#view=across"


def entries(browser):
    return browser.texts(".across-matrix tbody th")


def test_the_matrix_has_tiers_and_sums_and_opens_runs(chromium, page):
    from selenium.webdriver.common.keys import Keys

    chromium.open(page, VIEW)
    assert entries(chromium)[0] == "convnextv2_base"
    cells = chromium.run(
        "return [...document.querySelectorAll('.across-matrix tbody tr:first-child td')]"
        ".map((cell) => cell.textContent.trim())"
    )
    assert cells == ["0.79", "1.00", "1.00", "0.711, tier 1", "0.711, tier 1"]
    link = chromium.find(".across-matrix tbody tr:first-child a.t1")
    link.send_keys(Keys.SHIFT)
    tip = chromium.wait("return document.querySelector('.tip')?.innerText")
    for part in ("mean AP 0.7112", "95 % interval [0.7046, 0.7166]", "rank 1 of 11, tier 1"):
        assert part in tip
    link.send_keys("\n")
    text = chromium.wait("return document.querySelector('dialog[open]')?.innerText")
    assert "convnextv2_base" in text
    chromium.find("dialog button").click()
    chromium.wait("return !document.querySelector('dialog')")
    assert chromium.run("return location.hash") == VIEW
    assert chromium.complaints() == []


def test_the_order_and_the_track_stand_in_the_address(chromium, page):
    chromium.open(page, VIEW)
    chromium.find(".across-matrix thead th:nth-child(3) button").click()
    assert chromium.run("return location.hash") == f"{VIEW}&order=rank"
    chromium.find(".across-matrix thead th:nth-child(1) button").click()
    names = entries(chromium)
    assert names == sorted(names)
    chromium.run("document.querySelectorAll('#across .tabs a')[1].click()")
    chromium.wait("return document.querySelector('#across .banner.sample')")
    assert chromium.run("return location.hash") == f"{VIEW}&track=sample"
    chromium.run("history.back()")
    chromium.wait("return !document.querySelector('#across .banner.sample')")
    assert entries(chromium) == names


def test_a_diagram_says_who_can_be_told_apart_and_how(chromium, page):
    chromium.open(page, VIEW)
    labels = chromium.run(
        "const s = document.querySelector('svg.difference');"
        "return s.getAttribute('aria-labelledby').split(' ')"
        ".map((id) => document.getElementById(id).textContent)"
    )
    assert labels[0] == "Critical-difference diagram of 8 entries on 2 tasks"
    assert labels[1].startswith("Mean ranks, best first: convnextv2_base 1.00, ")
    assert "Not told apart: convnextv2_base to" in labels[1]
    caption = chromium.texts("figcaption")[0]
    for said in (
        "Friedman p = ",
        "critical difference ",
        "(Nemenyi, 5 %",
        "sample of all possible",
    ):
        assert said in caption


def test_entries_that_share_no_tasks_are_never_ranked_together(chromium, tmp_path):
    runs = [
        manifest(task, entry, value)
        for tasks, names in (("tu", "ab"), ("vw", "cd"))
        for task in tasks
        for entry, value in zip(names, (0.5, 0.6), strict=True)
    ]
    leaderboard.write(recorded(tmp_path, *runs), tmp_path / "page.html")
    chromium.open(tmp_path / "page.html", VIEW)
    first = sorted(entries(chromium))
    chromium.find("#across .sets a:nth-child(2)").click()
    chromium.wait("return location.hash.includes('set=2')")
    assert {tuple(first), tuple(sorted(entries(chromium)))} == {("a", "b"), ("c", "d")}


def test_without_shared_tasks_the_view_says_so(chromium, tmp_path):
    runs = [manifest("t", "a", 0.5), manifest("u", "a", 0.6), manifest("u", "b", 0.7)]
    leaderboard.write(recorded(tmp_path, *runs), tmp_path / "page.html")
    chromium.open(tmp_path / "page.html", VIEW)
    assert "No two entries have results on two common tasks" in chromium.texts("#across .banner")[0]
    assert not chromium.find("#to-across").is_displayed()


def test_the_matrix_is_saved(chromium, page):
    chromium.open(page, VIEW)
    chromium.run(
        "window.saved = []; HTMLAnchorElement.prototype.click = function () {"
        "fetchText(this.href, this.download) };"
        "const made = URL.createObjectURL; const blobs = {};"
        "URL.createObjectURL = (b) => { const u = made.call(URL, b); blobs[u] = b; return u };"
        "window.fetchText = async (u, n) => window.saved.push([n, await blobs[u].text()])"
    )
    chromium.find("#across .controls button").click()
    ((name, table),) = chromium.wait("return saved.length === 1 && saved")
    assert name == "across-official-1.csv"
    lines = list(csv.DictReader(io.StringIO(table)))
    assert (lines[0]["entry"], lines[0]["task"], lines[0]["value"]) == (
        "convnextv2_base",
        "reben-mlc",
        "0.7112",
    )
