"""The page for everybody: axe finds nothing, and it is whole on a phone, enlarged and printed."""

import importlib.util
from pathlib import Path

import pytest

from bench.report import leaderboard
from tests.report.leaderboard.encoded import matrix

VIEWS = {
    "first screen": "",
    "filtered": "#kind=depth&search=magic",
    "board": "#task=reben-mlc",
    "sample board": "#task=reben-mlc&board=sample",
    "published only": "#task=eurosat-zeroshot",
    "across tasks": "#view=across",
    "encoders": "#view=encoders",
    "submit": "#view=submit",
}


@pytest.fixture(scope="module")
def axe():
    """The script of axe-core."""
    found = importlib.util.find_spec("axe_core_python")
    if found is None or found.origin is None:
        pytest.skip("axe-core-python is not installed")
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def everything(showcase, tmp_path_factory):
    """A page with boards of both tracks, published numbers and encoders."""
    folder = tmp_path_factory.mktemp("everything")
    matrix(folder)
    path = folder / "encoded.html"
    leaderboard.write(folder, path)
    return {"encoders": path, "": showcase / "leaderboard.html"}


def faults(browser, axe):
    """What axe finds, a line for each element; the policy doesn't hold for the tester's script."""
    browser.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
    found = browser.driver.execute_async_script(
        "const done = arguments[0];"
        "axe.run(document, { resultTypes: ['violations'] }).then((r) => done(r.violations))"
    )
    return [
        f"{fault['id']}: {node['html'][:200]}: {node.get('failureSummary', '')}"
        for fault in found
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", VIEWS)
def test_axe_finds_nothing(chromium, page, everything, axe, name, theme):
    path = everything.get(name, page)
    view = VIEWS[name] or "#"
    chromium.open(path, f"{view}{'&' if len(view) > 1 else ''}theme={theme}")
    assert faults(chromium, axe) == []


@pytest.mark.parametrize("opened", [".board tbody a", ".across-matrix a.tier-cell"])
def test_axe_finds_nothing_in_a_run(chromium, page, axe, opened):
    chromium.open(page, "#view=across" if "across" in opened else "#task=reben-mlc")
    chromium.find(opened).click()
    chromium.wait("return document.querySelector('dialog[open]')")
    assert faults(chromium, axe) == []


def emulated(browser, width, height=844, scale=1):
    size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.mark.parametrize("view", ["#", "#view=across", "#view=submit"])
@pytest.mark.parametrize(
    ("width", "scale"), [(390, 1), (640, 1), (640, 2)], ids=["390 px", "40 em", "200 %"]
)
def test_nothing_stands_beside_the_window(chromium, page, view, width, scale):
    """At 200 % a window of 1280 px has room for 640."""
    emulated(chromium, width, scale=scale)
    try:
        chromium.open(page, view)
        assert chromium.run("return document.documentElement.scrollWidth") <= width
        wide = chromium.run(
            "return [...document.querySelectorAll('#front *, .gallery *, #across > *')]"
            ".filter((e) => e.checkVisibility() && !e.closest('.chips')"
            " && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)"
            ".map((e) => e.outerHTML.slice(0, 120))"
        )
        assert wide == []
    finally:
        chromium.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_print_leaves_controls_out_and_shows_every_card(chromium, page):
    chromium.open(page)
    chromium.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not chromium.find(".filters").is_displayed()
        assert chromium.find("#submit pre").is_displayed()
        assert chromium.run("return document.querySelectorAll('.card').length") > 30
    finally:
        chromium.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_a_filter_and_a_card_are_reached_by_keyboard(chromium, page):
    from selenium.webdriver.common.keys import Keys

    chromium.open(page)
    chip = chromium.find(".chip")
    chip.send_keys(" ")
    assert "kind=" in chromium.run("return location.hash")
    assert chromium.find(".chip").get_attribute("aria-pressed") == "true"
    chromium.find(".chips:last-child .chip:last-child").send_keys(Keys.TAB)
    focused = "return document.activeElement.className"
    assert chromium.run(focused) == "card-link"
    chromium.driver.switch_to.active_element.send_keys(Keys.ENTER)
    assert chromium.run("return location.hash").startswith("#task=")


def test_the_accessibility_tree_has_the_cards(chromium, page):
    chromium.open(page, "#search=reben-mlc")
    chromium.driver.execute_cdp_cmd("Accessibility.enable", {})
    nodes = chromium.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = {}
    for node in nodes:
        name = node.get("name", {}).get("value", "")
        roles.setdefault(node.get("role", {}).get("value"), []).append(name)
    title = "Multi-label land cover on Sentinel-1 and Sentinel-2 (reBEN)"
    assert roles["article"] == [title]
    assert "Search tasks, models and data sets" in roles["searchbox"]
    assert title in roles["link"]
    assert all(roles["button"])
