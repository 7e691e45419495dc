"""The board of a task in a browser: what it says beside its ranks, once and in order."""

import re

from bench.report import leaderboard
from bench.spec import task as tasks
from tests.report.leaderboard.fabricated import manifest, recorded, score

TASK = "#task=reben-mlc"


def open_with(chromium, results, *runs, view="#task=t"):
    """A page of some runs."""
    leaderboard.write(recorded(results, *runs), results / "page.html")
    return chromium.open(results / "page.html", view)


def press(browser, text):
    browser.run(
        "[...document.querySelectorAll('main .active button')]"
        ".find((b) => b.textContent.trim().startsWith(arguments[0])).click()",
        text,
    )


def catch_downloads(browser):
    """Texts of files go into a list of the page instead."""
    browser.run(
        "window.saved = []; HTMLAnchorElement.prototype.click = function () {"
        "fetchText(this.href, this.download) };"
        "const made = URL.createObjectURL; const blobs = {};"
        "URL.createObjectURL = (b) => { const u = made.call(URL, b); blobs[u] = b; return u };"
        "window.fetchText = async (u, n) => window.saved.push([n, await blobs[u].text()])"
    )


def test_published_numbers_are_folded_under_their_source_below_the_ranked_rows(chromium, page):
    chromium.open(page, TASK)
    assert chromium.texts(".board tr.reported") == []
    (fold,) = chromium.texts(".published-rows tr")
    assert "Published elsewhere (" in fold
    assert "never ranked" in fold
    chromium.find(".published-rows .fold button").click()
    assert chromium.run("return location.hash").endswith("published=1")
    order = chromium.run(
        "return [...document.querySelectorAll('.board tbody tr')]"
        ".map((row) => row.className.split(' ')[0])"
    )
    ranked = [place for place, kind in enumerate(order) if kind == "ranked"]
    assert ranked == list(range(11))
    assert order.index("fold") < order.index("source") < order.index("reported")
    sources = chromium.texts(".published-rows tr.source")
    assert len(sources) == len(set(sources)) > 0
    assert not any(chromium.texts(".board tr.reported .c-rank"))
    chromium.find(".board tr.reported .c-entry > a").click()
    text = chromium.wait("return document.querySelector('dialog[open]')?.innerText")
    assert "never ranked" in text
    assert "trust level reported" in text


def test_a_published_number_stands_beside_the_entry_that_reruns_its_model(chromium, tmp_path):
    task = tasks.load("reben-mlc")
    about = {"digest": task.digest, "primary": task.primary, "kind": task.kind}
    of_radar = {"inputs": "sentinel-1-grd", "of_task": about}
    runs = [
        manifest("reben-mlc", "resnet50-s1", 0.62, **of_radar),
        manifest("reben-mlc", "resnet50", 0.7, of_task=about),
    ]
    for run in runs:
        run["data"]["ids_sha256"] = task.published(task.split).ids_sha256
    open_with(chromium, tmp_path, *runs, view=TASK)
    beside = chromium.run(
        "return [...document.querySelectorAll('.board tr.ranked .c-entry')]"
        ".map((cell) => cell.querySelector('.published')?.innerText ?? '')"
    )
    # 0.628376 was published of radar images, which the second entry is fed with.
    assert beside[0] == ""
    assert beside[1].startswith("published 0.628")
    assert "Clasen et al." in beside[1]
    marks = "return document.querySelectorAll('td .bar .other path').length"
    assert chromium.run(marks) == 1
    chromium.find(".published-rows .fold button").click()
    folded = zip(
        chromium.texts(".board tr.reported .c-entry > a"),
        chromium.texts(".board tr.reported .c-entry .under"),
        strict=True,
    )
    assert not any(
        name == "resnet50" and text.startswith("sentinel-1-grd ·") for name, text in folded
    )


def test_predictions_made_elsewhere_stand_beside_what_was_published_of_their_model(
    chromium, tmp_path
):
    task = tasks.load("whu-rs19-zeroshot")
    about = {"digest": task.digest, "primary": task.primary, "kind": task.kind}
    run = manifest(
        task.name,
        "remoteclip-vit-b-32",
        0.95,
        metric="accuracy",
        of_task=about,
        inputs="not declared",
        trust="rescored",
    )
    run["data"] |= {"samples": task.published(task.split).size, "checked": "count"}
    run["scores"][0]["average"] = "micro"
    open_with(chromium, tmp_path, run, view=f"#task={task.name}")
    (text,) = chromium.texts(".board tr.ranked .published")
    assert text.startswith("published 0.9")
    assert "Liu et al." in text


def test_ranges_stand_once_in_their_own_order_with_their_intervals(chromium, tmp_path):
    names = ["0-2 m", "10-15 m", "2-5 m", "5-10 m", "over 15 m"]
    classes = [score("rmse", "depths", name, 1.5, None) for name in names]
    slices = [score("rmse", "pixels", "", 1.5, 0.2, 7, f"depth={name}") for name in names]
    run = manifest(
        "deep",
        "net",
        2.0,
        metric="rmse",
        of_task={"primary": "rmse_pixels", "kind": "depth"},
        scores=classes + slices,
    )
    run["scores"][0]["average"] = "pixels"
    open_with(chromium, tmp_path, run, view="#task=deep")
    (table,) = chromium.run(
        "return [...document.querySelectorAll('table.bars')].map((t) => "
        "[...t.tBodies[0].rows].map((r) => [...r.cells].map((c) => c.innerText)))"
    )
    assert [row[0] for row in table] == ["0-2 m", "2-5 m", "5-10 m", "10-15 m", "over 15 m"]
    assert all("[" in row[2] and row[-1] == "7" for row in table)
    (question,) = chromium.texts(".active .question")
    assert "Ranked by RMSE in metres; lower is better." in question


def test_all_rows_of_a_table_have_one_number_of_digits(chromium, tmp_path):
    classes = [
        score("ap", "classes", f"Class {index}", 0.5, width)
        for index, width in enumerate([0.1, 0.002, None, 0.2])
    ]
    runs = [manifest("t", "a", 0.6125, scores=classes), manifest("t", "b", 0.5, width=0.2)]
    open_with(chromium, tmp_path, *runs)
    for cells in (".board td.c-score b", ".bars td.numeric b"):
        found = chromium.texts(cells)
        assert len({len(text.partition(".")[2]) for text in found}) == 1, found


def test_a_chart_that_has_nothing_to_show_is_not_there(chromium, tmp_path):
    cost = dict.fromkeys(("parameters", "macs", "samples_per_second"))
    open_with(chromium, tmp_path, manifest("t", "a", 0.5, cost=cost))
    assert chromium.run("return document.querySelectorAll('section.active svg.chart').length") == 0
    assert chromium.texts("section.active .panel") == []


def test_there_is_a_space_after_every_sentence(chromium, page):
    for view in ("#task=reben-mlc&board=sample", TASK):
        chromium.open(page, view)
        text = chromium.run(
            "return [...document.querySelectorAll('.active p')].map((p) => p.textContent).join(' ')"
        )
        assert re.findall(r"\w+[.;:][A-Z]\w+", text) == []


def test_no_heading_is_a_name_that_nobody_says(chromium, page):
    chromium.open(page, TASK)
    texts = chromium.texts(".active .question, .active h3, .active thead th, .active figcaption")
    assert not [text for text in texts if "ap_macro" in text]
    assert "mean AP" in " ".join(texts)


def test_the_published_numbers_of_a_task_without_runs_are_shown(chromium, page):
    chromium.open(page, "#task=whu-rs19-zeroshot")
    assert any("RemoteCLIP" in text for text in chromium.texts(".board tr.source"))
    assert len(chromium.texts(".board tr.reported")) > 10
    assert "bench run --task whu-rs19-zeroshot" in chromium.texts("section.active .banner")[0]


def test_slices_say_how_many_classes_occur_in_them(chromium, tmp_path):
    part = score("ap", "macro", "", 0.5, part="country=Serbia") | {"classes": 11}
    open_with(chromium, tmp_path, manifest("t", "a", 0.5, scores=[part]))
    assert chromium.texts("table.bars thead th") == ["country", "Bars", "value", "classes", "n"]
    assert chromium.texts("table.bars tbody td.numeric")[1:] == ["11", "1,000"]


def test_a_board_is_saved_for_latex_and_its_data_set_for_bibtex(chromium, page):
    chromium.open(page, TASK)
    catch_downloads(chromium)
    press(chromium, "LaTeX")
    press(chromium, "BibTeX")
    found = dict(chromium.wait("return saved.length === 2 && saved"))
    lines = found["reben-mlc-official.tex"].splitlines()
    assert r"\toprule" in lines
    first, last = lines.index(r"\midrule") + 1, lines.index(r"\bottomrule")
    assert lines[first].startswith(r"1 & convnextv2\_base & sentinel-2-l2a & 0.7112 & [0.7046,")
    assert last - first == 11
    assert found["reben-mlc.bib"].startswith("@misc{reben")


def test_charts_are_saved_as_they_look_and_without_asking_for_anything(chromium, page):
    chromium.open(page, TASK)
    catch_downloads(chromium)
    chromium.run("document.querySelector('.cost .chart-tools button').click()")
    press(chromium, "Intervals as SVG")
    (cost, drawn), (forest, intervals) = chromium.wait("return saved.length === 2 && saved")
    assert (cost, forest) == ("reben-mlc-cost.svg", "reben-mlc-official-intervals.svg")
    for text in (drawn, intervals):
        assert text.startswith("<svg")
        assert "class=" not in text
        assert "var(" not in text
    # Names are as thin as text is: no style of another chart reaches them.
    widths = set(re.findall(r'<text class|<text [^>]*stroke-width="([^"]*)"', intervals))
    assert widths <= {"1px", "3px"}
    assert "convnextv2_base" in intervals
    assert "0.7112 [0.7046, 0.7166]" in intervals
    chromium.run(
        "window.pictures = []; URL.createObjectURL = (b) => { pictures.push([b.type, b.size]); "
        "return 'data:,' }; window.fetchText = () => {};"
        "document.querySelectorAll('.cost .chart-tools button')[1].click()"
    )
    kind, size = chromium.wait("return pictures[0]")
    assert kind == "image/png"
    assert size > 5_000
    assert chromium.complaints() == []


def test_a_board_of_label_curves_alone_has_no_empty_table(chromium, tmp_path):
    few = {"labels": {"percent": "10", "draw": 0}, "trained": {"facts": {"samples": 30}}}
    runs = [manifest("t", f"net-10pct-draw{i}", 0.5, about=few, mark=f"m{i}") for i in range(2)]
    open_with(chromium, tmp_path, *runs)
    assert chromium.texts("section.active table.board") == []
    assert "learnt from parts of the labels" in chromium.texts("section.active .banner")[0]
    assert chromium.texts("section.active .by-labels tbody tr") != []


def test_a_comparison_and_a_run_fit_a_phone(chromium, page):
    keys = "return [...document.querySelectorAll('.board tbody input')].slice(0, 3)"
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    chromium.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        chromium.open(page, TASK)
        chromium.run(f"{keys}.forEach((box) => box.click())")
        assert len(chromium.texts(".differences tbody tr")) == 3
        assert chromium.run("return document.documentElement.scrollWidth") == 390
        assert chromium.run("return document.querySelectorAll('.phone-bar .bar').length") == 11
        chromium.find(".board tbody a").click()
        chromium.wait("return document.querySelector('dialog[open]')")
        assert chromium.run("return document.querySelector('dialog').scrollWidth") <= 390
    finally:
        chromium.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
