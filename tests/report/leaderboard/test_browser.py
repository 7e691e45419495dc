"""The page in a real browser: what it does, and what it refuses to do."""

import csv
import http.server
import io
import json
import threading
import time
from urllib.parse import quote

import pytest

from bench.report import leaderboard
from bench.spec import task as tasks
from tests.report.leaderboard.fabricated import manifest, many, recorded, score
from tests.report.leaderboard.test_images import drawn, noted, png

TASK = "#task=reben-mlc"
NONE = "\N{EN DASH}"
RANKED = "tbody tr.ranked"


@pytest.fixture
def board(chromium, page):
    """The official board of a task."""
    return chromium.open(page, TASK)


def entries(browser, rows=RANKED):
    return browser.texts(f".board {rows} .c-entry > a")


def press(browser, text):
    browser.run(
        "[...document.querySelectorAll('main .active button')]"
        ".find((b) => b.innerText.trim().startsWith(arguments[0])).click()",
        text,
    )


def test_the_board_is_ranked_with_tiers(board):
    assert entries(board)[0] == "convnextv2_base"
    tiers = board.texts(".board tr.ranked .c-tier")
    assert list(dict.fromkeys(tiers)) == ["tier 1", "tier 2", "tier 3", "tier 4"]
    assert tiers == sorted(tiers)
    assert board.complaints() == []


def test_a_number_never_stands_alone(board):
    first = board.run("return document.querySelector('.board tbody tr').innerText")
    for shown in ("0.7112", "[0.7046, 0.7166]", "closed", "rerun", "sentinel-2-l2a"):
        assert shown in first
    assert board.texts(".tabs [aria-current=page]")[0].split() == ["official", "11"]


def test_sorting_by_click_and_by_keyboard_says_so(board):
    before = entries(board)
    show_column(board, "Params")
    header = board.find(".board th.c-parameters")
    header.find_element("tag name", "button").click()
    assert header.get_attribute("aria-sort") == "descending"
    assert entries(board)[0] == "convnextv2_base"
    header.find_element("tag name", "button").send_keys("\n")
    assert header.get_attribute("aria-sort") == "ascending"
    assert entries(board)[0] == "mobilevit_s"
    assert sorted(entries(board)) == sorted(before)
    assert board.run("return location.hash").endswith("sort=parameters")


def show_column(browser, name):
    browser.run(
        "[...document.querySelectorAll('.menu label')].find((l) => l.textContent.trim() === "
        "arguments[0]).querySelector('input').click()",
        name,
    )


def test_searching_filters_counts_and_keeps_ranks(board):
    board.find(".search input").send_keys("resnet18")
    assert entries(board) == ["resnet18-s1s2", "resnet18", "resnet18-s1"]
    assert board.texts(".board tr.ranked .c-rank b") == ["8", "9", "11"]
    assert board.texts(".count[role=status]") == ["3 of 11 rows"]


def test_filters_and_hidden_kinds_of_rows(board):
    board.run(
        "const s = [...document.querySelectorAll('select')].find((e) => e.value === '' && "
        "[...e.options].some((o) => o.value === 'open')); s.value = 'open';"
        "s.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    assert entries(board) == ["team-prithvi"]
    board.run("location.hash = '#task=reben-mlc&partial=1'")
    board.wait("return document.querySelector('.board tr.partial')")
    assert board.texts(".board tr.reported") == []
    assert board.texts(".board tr.partial .c-rank") == [NONE]


def test_columns_can_be_chosen(board):
    for name in ("MACs", "mean F1", "Tier"):
        show_column(board, name)
    headings = board.texts(".board thead th")
    assert {"MACs", "mean F1"} <= set(headings)
    assert "Tier" not in headings


def test_further_rows_are_shown_when_asked_for(chromium, tmp_path):
    leaderboard.write(many(tmp_path, entries=60, task_count=1, scores=2), tmp_path / "page.html")
    chromium.open(tmp_path / "page.html", "#task=task-00")
    assert len(entries(chromium)) == 50
    press(chromium, "Show all 60 rows")
    assert len(entries(chromium)) == 60
    assert chromium.run("return location.hash").endswith("rows=all")


def test_a_permalink_restores_the_whole_view(board, chromium, page):
    board.run("[...document.querySelectorAll('.board tbody input')].slice(1, 3).forEach("
              "(box) => box.click())")  # fmt: skip
    board.find(".search input").send_keys("res")
    show_column(board, "Samples/s")
    board.find(".board th.c-speed button").click()
    board.run("const s = document.querySelector('.cost select'); s.value = 'parameters';"
              "s.dispatchEvent(new Event('change', {bubbles: true}))")  # fmt: skip
    board.find("#theme").click()
    state = (
        "return [document.querySelector('main > .active').innerText,"
        "document.querySelector('.search input').value,"
        "document.querySelector('.cost select').value,"
        "[...document.querySelectorAll('.board tbody input')].map((e) => e.checked).join(),"
        "document.documentElement.dataset.theme]"
    )
    wanted = board.run(state)
    chromium.open(page, board.run("return location.hash"))
    assert chromium.run(state) == wanted
    assert wanted[4] in ("dark", "light")


def test_the_back_button_goes_back(board):
    board.run("document.querySelectorAll('.tabs a')[1].click()")
    assert board.texts(".banner.sample b") == ["Sample track: simulated data."]
    board.run("history.back()")
    board.wait("return !document.querySelector('.banner.sample')")
    assert entries(board)[0] == "convnextv2_base"


def test_a_run_opens_with_the_way_back_to_it(board):
    board.find(".board tbody a").click()
    text = board.wait("return document.querySelector('dialog[open]')?.innerText")
    for shown in ("bench score reben-mlc.convnextv2_base.official.", "Rank 1 of 11", "micro F1"):
        assert shown in text
    board.find("dialog button").click()
    assert board.wait("return !document.querySelector('dialog')")
    assert "run=" not in board.run("return location.hash")


def test_two_entries_are_compared(board):
    board.run("[...document.querySelectorAll('.board tbody input')].slice(0, 2).forEach("
              "(box) => box.click())")  # fmt: skip
    (difference,) = board.texts(".comparison .differences tbody tr")
    assert difference.startswith("convnextv2_base less team-prithvi")
    assert difference.endswith("can't be told apart")
    rows = board.texts(".comparison .compared tbody tr")
    assert rows[0].startswith("mean AP")
    assert rows[0].endswith("+0.0032")
    assert board.run("return document.querySelectorAll('.bars')[0].rows[1].cells.length") == 4
    assert "bench compare reben-mlc.convnextv2_base.official" in board.texts(".comparison")[0]


def test_classes_slices_and_the_pareto_front_are_drawn(board):
    # What hasn't been scrolled to isn't rendered, so that it has no inner text yet.
    script = "return [...document.querySelectorAll('section.active h3')].map((e) => e.textContent)"
    headings = board.run(script)
    assert {"Score against cost", "By class", "By country", "Worst groups"} <= set(headings)
    assert not any("worst" in heading for heading in headings)
    label = board.find("svg.chart").get_attribute("aria-label")
    assert "Pareto front: resnet18-s1s2: 0.6800 at 510 M" in label
    assert board.run("return document.querySelectorAll('.bars')[0].tBodies[0].rows.length") == 19


def test_downloads_hold_what_is_shown(board):
    board.run(
        "window.saved = []; HTMLAnchorElement.prototype.click = function () {"
        "fetchText(this.href, this.download) };"
        "const made = URL.createObjectURL; const blobs = {};"
        "URL.createObjectURL = (b) => { const u = made.call(URL, b); blobs[u] = b; return u };"
        "window.fetchText = async (u, n) => window.saved.push([n, await blobs[u].text()])"
    )
    board.find(".downloads summary").click()
    press(board, "CSV")
    press(board, "JSON")
    (name, table), (_, records) = board.wait("return saved.length === 2 && saved")
    assert name == "reben-mlc-official.csv"
    lines = list(csv.DictReader(io.StringIO(table)))
    assert [line["entry"] for line in lines] == [row["entry"] for row in json.loads(records)]
    assert lines[0]["run"].startswith("reben-mlc.convnextv2_base.official.")
    assert (lines[0]["value"], lines[0]["rank"], lines[0]["track"]) == ("0.7112", "1", "official")


def test_the_accessibility_tree_reads_as_a_table(board):
    board.driver.execute_cdp_cmd("Accessibility.enable", {})
    nodes = board.driver.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]
    roles = {}
    for node in nodes:
        name = node.get("name", {}).get("value", "")
        roles.setdefault(node.get("role", {}).get("value"), []).append(name)
    assert any(name.startswith("Multi-label land cover") for name in roles["table"])
    assert "Search entries" in roles["searchbox"]
    assert "Compare resnet50" in roles["checkbox"]
    assert any(name.startswith("Score") for name in roles["columnheader"])
    assert any(name.startswith("convnextv2_base") for name in roles["rowheader"])
    assert len(roles["main"]) == len(roles["status"]) == 1
    assert all(roles["button"]), "a button without a name"


def test_the_skip_link_comes_first_and_reaches_the_results(board):
    board.find("body").send_keys("\t")
    assert board.run("return document.activeElement.id") == "skip"
    board.driver.switch_to.active_element.send_keys("\n")
    assert board.run("return document.activeElement.id") == "main"
    assert board.run("return location.hash") == TASK


def test_a_phone_is_enough(board):
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    board.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        assert board.run("return document.documentElement.scrollWidth") == 390
        right = "return document.querySelector('.board td.c-score').getBoundingClientRect().right"
        assert board.run(right) <= 390
        assert "closed · rerun" in board.texts(".board tbody tr .under")[0]
    finally:
        board.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_rate_distortion_curves_are_drawn_where_there_are_points(chromium, tmp_path):
    points = [score("psnr", "mean", f"bpppc={rate}", 40 + rate, 0.5) for rate in (1.0, 2.1, 4.2)]
    run = manifest("codec", "hycot", 0.5, scores=points)
    leaderboard.write(recorded(tmp_path, run), tmp_path / "page.html")
    chromium.open(tmp_path / "page.html", "#task=codec")
    label = chromium.run(
        "return document.querySelector('.line').closest('svg').getAttribute('aria-label')"
    )
    assert (
        label
        == "PSNR against bits per pixel and channel: hycot 41.00 at 1, 42.10 at 2.1, 44.20 at 4.2"
    )


def test_means_over_folds_stand_below_the_board_of_each_fold(chromium, tmp_path):
    first = "pastis-crop-mapping"
    runs = []
    for name, value in ((first, 0.5), (f"{first}-fold2", 0.6)):
        meaning = {"digest": tasks.load(name).digest, "primary": "iou_macro", "kind": "crops"}
        runs.append(manifest(name, "net-s2", value, metric="iou", of_task=meaning))
    leaderboard.write(recorded(tmp_path, *runs), tmp_path / "page.html")
    for name in (first, f"{first}-fold2"):
        chromium.open(tmp_path / "page.html", f"#task={name}")
        (text,) = chromium.texts(".folds tbody tr")
        assert " ".join(text.split()) == "net-s2 sentinel-2-l2a rerun 0.55 0.071 2 of 5"
    assert chromium.complaints() == []


BAD = (
    "<script>window.harmed = 1</script>",
    "\"><img src=https://example.org/x.png onerror='window.harmed = 1'>",
    "</script><svg onload=window.harmed=1>",
    "{{ 7 * 7 }} ${window.harmed = 1} \u202egnp.x",
    "=HYPERLINK(1)",
)


def test_hostile_strings_are_shown_as_text_and_nothing_runs_or_leaves(chromium, tmp_path):
    runs = []
    for index, bad in enumerate(BAD):
        about = dict.fromkeys(("name", "title", "note", "authors", "licence", "source"), bad)
        about |= {"url": "javascript:window.harmed=1", "model": {"architecture": bad}}
        about["authors"] = [bad]
        further = [
            score("ap", "classes", bad, 0.5),
            score("ap", "macro", "", 0.5, part=f"place={bad}"),
            score(bad[:60], "micro", "", 0.5),
        ]
        runs.append(
            manifest(
                "hostile",
                "e",
                0.5 + index / 10,
                mark=f"bad{index}",
                about=about,
                scores=further,
                inputs=bad,
                device=bad,
                precision=bad,
            )
        )
    runs.append(manifest("x", "e", 0.5, mark="task", of_task={"name": BAD[1], "kind": BAD[0]}))
    path = tmp_path / "page.html"
    leaderboard.write(recorded(tmp_path, *runs), path)
    for view in ("", "#task=hostile", f"#task={quote(BAD[1])}", f"#task=hostile&search={BAD[0]}"):
        chromium.open(path, view)
        for box in chromium.driver.find_elements("css selector", ".board tbody input")[:3]:
            box.click()
        for number in range(len(chromium.driver.find_elements("css selector", ".board th a"))):
            chromium.run("document.querySelectorAll('.board th a')[arguments[0]].click()", number)
            chromium.wait("return document.querySelector('dialog[open]')")
            chromium.run("document.querySelector('dialog button').click()")
        time.sleep(0.05)
        assert chromium.run("return window.harmed ?? null") is None
        assert chromium.run(
            "return [...document.querySelectorAll('a[href]')].filter((a) => "
            "!/^(#|https?:)/.test(a.getAttribute('href'))).length"
        ) == 0  # fmt: skip
        strange = "main img:not([src^='data:image/']), main script"
        assert chromium.driver.find_elements("css selector", strange) == []
        asked = [url for url in chromium.requests() if not url.startswith(("about:", "data:"))]
        assert [url.partition("#")[0] for url in asked] == [path.as_uri()]
        assert chromium.complaints() == []
    chromium.open(path, "#task=hostile")
    assert BAD[0] in entries(chromium)
    assert not any("\u202e" in text for text in chromium.texts("main > .active"))


def test_the_policy_stops_what_the_markup_would_not(board):
    """A second wall: even a script that got into the page isn't run and can't call anyone."""
    asked = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        board.run(
            "const s = document.createElement('script'); s.textContent = 'window.harmed = 1';"
            "document.body.append(s); new Image().src = arguments[0] + 'image';"
            "fetch(arguments[0]).catch(() => { window.refused = true })",
            f"http://127.0.0.1:{server.server_port}/",
        )
        assert board.wait("return window.refused")
        time.sleep(0.1)
        server.shutdown()
    assert board.run("return window.harmed ?? null") is None
    assert asked == []
    assert len([line for line in board.complaints() if "Content Security Policy" in line]) >= 3


def test_a_run_shows_its_pictures_and_one_opens_large(chromium, tmp_path):
    one, two = png(4), png(5)
    run = manifest("t", "a", 0.5, pictures=noted(one, two))
    recorded(tmp_path, drawn(tmp_path, run, depth=one, **{"sample-1": two}))
    leaderboard.write(tmp_path, tmp_path / "page.html")
    chromium.open(tmp_path / "page.html", "#task=t")
    chromium.find(".board tbody a").click()
    strip = ".strip-of-pictures img"
    assert chromium.wait(f"return document.querySelector('dialog {strip}')?.naturalWidth") == 20
    assert len(chromium.driver.find_elements("css selector", strip)) == 2
    chromium.find(".strip-of-pictures button").click()
    assert chromium.wait("return document.querySelector('dialog.lightbox[open] img')?.naturalWidth")
    assert chromium.run("return location.hash").endswith("picture=0")
    chromium.driver.switch_to.active_element.send_keys("\ue014")
    assert chromium.texts(".lightbox figcaption > span")[0].startswith("depth 2 of 2")
    permalink = chromium.run("return location.hash")
    chromium.driver.switch_to.active_element.send_keys("\ue00c")
    chromium.wait("return !document.querySelector('dialog.lightbox')")
    assert chromium.run("return document.querySelector('dialog[open]') !== null")
    chromium.open(tmp_path / "page.html", permalink)
    top = "return document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest('.lightbox')"
    assert chromium.wait(top)
    assert chromium.complaints() == []


def test_the_best_floor_is_marked_and_what_cant_be_told_from_it(chromium, tmp_path):
    recorded(
        tmp_path,
        manifest("reben-mlc", "good", 0.7),
        manifest("reben-mlc", "same", 0.501),
        manifest("reben-mlc", "floor-statistics-s2", 0.5),
        manifest("reben-mlc", "bad", 0.3),
    )
    out = tmp_path / "page.html"
    leaderboard.write(tmp_path, out)
    chromium.open(out, TASK)
    marks = dict(
        zip(
            entries(chromium),
            chromium.run(
                "return [...document.querySelectorAll('.board tr.ranked .c-entry')]"
                ".map((cell) => cell.querySelector('.badge')?.innerText ?? '')"
            ),
            strict=True,
        )
    )
    assert marks == {
        "good": "",
        "same": "not told apart from floor-statistics-s2",
        "floor-statistics-s2": "floor",
        "bad": "worse than floor-statistics-s2",
    }
    assert len(chromium.texts(".board tr.floor")) == 1
    assert chromium.run("return document.querySelectorAll('td .bar line.floor').length") == 4
    assert "Best floor: floor-statistics-s2, 0.500" in chromium.texts("main > .active .note")[0]
