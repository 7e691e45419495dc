"""Encoders and label curves in a real browser."""

import csv
import io
import time

import pytest

from bench.report import leaderboard
from tests.report.leaderboard.encoded import ENCODERS, adapted, declared, few_labels, matrix
from tests.report.leaderboard.fabricated import recorded
from tests.report.leaderboard.test_browser import BAD, entries, press

VIEW = "#view=encoders"


@pytest.fixture(scope="module")
def encoded(tmp_path_factory):
    """A page with encoders on four tasks and label curves on one of them."""
    folder = tmp_path_factory.mktemp("encoded")
    matrix(folder)
    few_labels(folder, task="resisc45")
    leaderboard.write(folder, folder / "page.html")
    return folder / "page.html"


def cells(browser, row):
    return browser.run(
        "return [...document.querySelectorAll('.matrix tbody tr')[arguments[0]].children]"
        ".map((cell) => cell.innerText.trim().replace(/\\s+/g, ' '))",
        row,
    )


def choose(browser, method):
    browser.run(
        "const s = document.querySelector('#encoders select'); s.value = arguments[0];"
        "s.dispatchEvent(new Event('change', {bubbles: true}))",
        method,
    )


def test_encoders_have_a_view_of_their_own_and_the_back_button_leaves_it(chromium, encoded):
    chromium.open(encoded)
    chromium.find("#to-encoders").click()
    chromium.wait("return document.querySelector('.matrix')")
    assert chromium.run("return location.hash") == VIEW
    assert chromium.run("return document.title").startswith("Encoders")
    assert chromium.find("#to-encoders").get_attribute("aria-current") == "page"
    chromium.run("history.back()")
    chromium.wait("return document.querySelector('#overview.active .cards')")
    assert chromium.complaints() == []


def test_rows_are_encoders_below_the_floors(chromium, encoded):
    chromium.open(encoded, f"{VIEW}&method=ridge")
    assert chromium.texts(".matrix thead button")[:5] == [
        "Encoder\N{BLACK UP-POINTING TRIANGLE}",
        "eurosat-rgb",
        "resisc45",
        "rsscn7",
        "ucm",
    ]
    assert cells(chromium, 0)[:5] == ["Best floor of the task", "0.460", "0.400", "0.410", "0.510"]
    first = cells(chromium, 1)
    assert first[0] == "timm:resnet18 task's statistics random weights"
    assert first[1:5] == ["0.470≈◐", "0.600", "0.420≈", "0.520≈"]
    assert first[7] == "nothing"
    assert first[8] == "R G B (rgb) not seen on eurosat-rgb: NIR"
    last = cells(chromium, 3)
    assert last[1] == "0.670†◐"
    assert last[4] == "not run"
    assert last[7] == "EuroSAT/test SSL4EO-S12 saw test data of eurosat-rgb"


def test_a_score_is_said_with_its_interval_to_eyes_and_ears(chromium, encoded):
    from selenium.webdriver.common.keys import Keys

    chromium.open(encoded, f"{VIEW}&method=ridge")
    link = chromium.find(".matrix tbody tr:last-child a")
    said = link.get_attribute("aria-label")
    for part in (
        "torchgeo:resnet18@rgb_moco, ridge on eurosat-rgb",
        "0.670 accuracy_micro, 95 % interval [0.659, 0.679], n 1,000",
        "tier 2",
        "better than floor-statistics",
        "saw the scored split",
        "bands not seen: NIR",
    ):
        assert part in said
    link.send_keys(Keys.SHIFT)
    tip = chromium.wait("return document.querySelector('.tip')?.innerText")
    assert "[0.659, 0.679]" in tip
    link.send_keys(Keys.ESCAPE)
    chromium.wait("return !document.querySelector('.tip')")


def test_a_score_opens_its_run_by_keyboard_and_closing_returns(chromium, encoded):
    chromium.open(encoded, f"{VIEW}&method=ridge")
    chromium.find(".matrix tbody tr:nth-child(3) a").send_keys("\n")
    text = chromium.wait("return document.querySelector('dialog[open]')?.innerText")
    for part in (
        "hf:timm/resnet18.a1_in1k@0123, SHA-256 abababababab",
        "channel-R \N{RIGHTWARDS ARROW} R",
        "the checkpoint's statistics",
        "penalty 0.1: 0.56",
        "ImageNet-1k",
    ):
        assert part in text
    opened = chromium.run("return location.hash")
    chromium.find("dialog button").click()
    chromium.wait("return !document.querySelector('dialog')")
    assert chromium.run("return location.hash") == f"{VIEW}&method=ridge"
    chromium.open(encoded, opened)
    assert chromium.wait("return document.querySelector('dialog[open]')?.innerText") == text


def test_a_method_and_an_order_are_chosen_and_kept_in_the_address(chromium, encoded):
    chromium.open(encoded, VIEW)
    choose(chromium, "linear")
    assert len(chromium.texts(".matrix tbody tr")) == 3
    assert "No run under linear: timm:resnet18@a1_in1k." in chromium.texts("#encoders .note")
    choose(chromium, "knn")
    chromium.find(".matrix th.c-rsscn button, .matrix th:nth-child(4) button").click()
    names = chromium.texts(".matrix tbody th b")
    assert names[0] == "torchgeo:resnet18@rgb_moco"
    chromium.open(encoded, chromium.run("return location.hash"))
    assert chromium.texts(".matrix tbody th b") == names
    assert chromium.run("return document.querySelector('#encoders select').value") == "knn"


def test_the_matrix_is_saved_with_what_is_missing(chromium, encoded):
    chromium.open(encoded, f"{VIEW}&method=ridge")
    chromium.run(
        "window.saved = []; HTMLAnchorElement.prototype.click = function () {"
        "fetchText(this.href, this.download) };"
        "const made = URL.createObjectURL; const blobs = {};"
        "URL.createObjectURL = (b) => { const u = made.call(URL, b); blobs[u] = b; return u };"
        "window.fetchText = async (u, n) => window.saved.push([n, await blobs[u].text()])"
    )
    press(chromium, "CSV")
    ((name, table),) = chromium.wait("return saved.length === 1 && saved")
    assert name == "encoders-sample-ridge.csv"
    lines = list(csv.DictReader(io.StringIO(table)))
    assert len(lines) == 4 + 3 * 4
    missing = [line for line in lines if line["status"] == "not run"]
    assert [(line["encoder"], line["task"], line["value"]) for line in missing] == [
        ("torchgeo:resnet18@rgb_moco", "ucm", "")
    ]
    saw = [line["task"] for line in lines if line["pretraining_saw_test_data"] == "true"]
    assert saw == ["eurosat-rgb"]


def test_label_subsets_are_a_curve_and_no_rows(chromium, encoded):
    chromium.open(encoded, "#task=resisc45")
    assert len(entries(chromium)) == 4
    assert not any("draw" in entry for entry in entries(chromium))
    label = chromium.run("return document.querySelector('svg.labels').getAttribute('aria-label')")
    assert "torchgeo-resnet18-rgb_moco-rgb-ridge 0.39 at 3, 0.54 at 30, 0.68 at 300" in label
    assert "Best floor, floor-statistics: 0.40." in label
    assert chromium.run("return document.querySelectorAll('svg.labels .floor-line').length") == 1
    first = chromium.run("return document.querySelector('.by-labels tbody tr').innerText")
    for part in ("0.390", "[0.3", "3 draws", "0.680", "0.537"):
        assert part in first
    boxes = chromium.driver.find_elements("css selector", ".by-labels tbody input")
    boxes[1].send_keys(" ")
    assert chromium.run("return document.querySelectorAll('svg.labels .line').length") == 2
    chromium.open(encoded, chromium.run("return location.hash"))
    assert chromium.run("return document.querySelectorAll('svg.labels .line').length") == 2
    chromium.find(".by-labels tbody a").click()
    text = chromium.wait("return document.querySelector('dialog[open]')?.innerText")
    for part in (
        "isn't ranked",
        "3 samples (1 %, draw 0), fingerprint",
        "Other draws of this size",
    ):
        assert part in text
    assert chromium.complaints() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("view", [VIEW, "#task=resisc45"])
def test_a_phone_is_enough(chromium, encoded, view, theme):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    chromium.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        chromium.open(encoded, f"{view}&theme={theme}")
        assert chromium.run("return document.documentElement.scrollWidth") == 390
        assert chromium.run("return document.documentElement.dataset.theme") == theme
    finally:
        chromium.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_the_accessibility_tree_has_the_matrix(chromium, encoded):
    chromium.open(encoded, VIEW)
    chromium.driver.execute_cdp_cmd("Accessibility.enable", {})
    nodes = chromium.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = {}
    for node in nodes:
        name = node.get("name", {}).get("value", "")
        roles.setdefault(node.get("role", {}).get("value"), []).append(name)
    assert any(name.startswith("Scores of encoders under") for name in roles["table"])
    assert "accuracy: board of eurosat-rgb" in roles["link"]
    assert {"Pretrained on", "Fed with"} <= set(roles["columnheader"])
    assert any(name.startswith("timm:") for name in roles["rowheader"])
    assert all(roles["button"])
    assert all(roles["link"])


def test_without_encoders_the_view_says_so(chromium, page):
    chromium.open(page, VIEW)
    assert "bench run --task TASK" in chromium.texts("#encoders .banner")[0]
    assert not chromium.find("#to-encoders").is_displayed()


def test_hostile_words_of_encoders_are_text(chromium, tmp_path):
    runs = []
    for index, bad in enumerate(BAD):
        encoder = declared(bad, bad, [bad, "hostile/test"], bands=(f"{bad}{index}",), unseen=(bad,))
        encoder |= {"architecture": "x:y", "given": bad}
        run = adapted("hostile", encoder, bad, 0.5, labels=("10%" if index else "100%", index))
        run["entry"]["trained"]["searched"] = [{"setting": bad, "validation": 0.1}]
        run["entry"]["name"] = bad
        run["run"] = f"hostile.{index}"
        runs.append(run)
    runs.append(adapted("hostile", declared(*ENCODERS[0]), "knn", 0.4))
    path = tmp_path / "page.html"
    leaderboard.write(recorded(tmp_path, *runs), path)
    for view in (VIEW, "#task=hostile"):
        chromium.open(path, view)
        chromium.run(
            "document.querySelector('.matrix tbody tr:nth-child(2) a, .by-labels a').click()"
        )
        chromium.wait("return document.querySelector('dialog[open]')")
        time.sleep(0.05)
        assert chromium.run("return window.harmed ?? null") is None
        assert chromium.run("return document.querySelectorAll('main img, main script').length") == 0
        assert chromium.complaints() == []
