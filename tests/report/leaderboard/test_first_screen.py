"""The first screen: figures, expectations, and a card for each task."""

import pytest

from bench.report import leaderboard
from bench.report.leaderboard.boards import boards
from bench.report.leaderboard.catalogue import question, sensors
from bench.report.leaderboard.expectations import expectations
from bench.report.leaderboard.read import read
from bench.spec import task as tasks
from tests.report.leaderboard.fabricated import manifest, recorded
from tests.report.leaderboard.test_images import drawn, noted, png
from tests.report.leaderboard.test_page import content


def asked(results, published=0):
    found = read(results)[0]
    return {one.asked: one for one in expectations(found, boards(found), published)}


def learnt(architecture, learning_rate=0.1, **about):
    """What a manifest says of an entry that was trained from scratch."""
    recipe = {"epochs": 1, "learning_rate": learning_rate}
    return {
        "model": {"architecture": architecture},
        "trained": {"seed": 0, "recipe": recipe},
        "training_data": [],
    } | about


@pytest.mark.parametrize(
    ("about", "asked"),
    [
        ("Which crop grows here? And more.", "Which crop grows here?"),
        ("Pictures\nof clouds. More.", "Pictures of clouds."),
        ("No end", "No end"),
    ],
)
def test_the_question_of_a_task_is_what_its_description_asks(about, asked):
    assert question(about) == asked


def test_sensors_are_spelt_as_the_declaration_spells_them():
    found = sensors(tasks.load("magicbathy-bathymetry-agia-napa"))
    assert found["spot-6"] == "SPOT-6"
    assert sensors(tasks.load("hyspecnet-compression")) == {"enmap": "EnMAP"}
    assert sensors(tasks.load("reben-mlc")) == {
        "sentinel-1": "Sentinel-1",
        "sentinel-2": "Sentinel-2",
    }


def test_every_task_asks_something_and_says_what_it_sees():
    for name in tasks.names():
        task = tasks.load(name)
        assert question(task.about)
        assert sensors(task)


def test_what_is_counted_for_each_expectation(tmp_path):
    licensed = learnt("timm:a", licence="MIT")
    recorded(
        tmp_path,
        manifest("t", "a", 0.6, about=licensed),
        manifest("t", "b", 0.5, about=learnt("timm:b")),
        manifest("t", "c", 0.4, about=learnt("timm:b", 0.2), width=None),
        manifest("t", "floor-prior", 0.1),
        manifest("u", "a", 0.6, about=licensed),
        manifest("u", "d", 0.6, trust="rescored", about={"licence": "MIT"}),
    )
    found = asked(tmp_path, published=7)
    figures = {name: one.figure for name, one in found.items()}
    assert figures == {
        "Weights under a named licence": "50 %",
        "Shared core evaluations": "2",
        "Copied and re-run numbers marked": "7 / 6",
        "Variance reported": "83 %",
        "One harness for all": "1",
        "Data, architecture, algorithm apart": "1 of 2",
    }
    says = found["Data, architecture, algorithm apart"].says
    assert says.endswith("pretraining data on 0, architecture on 1, algorithm on 1")


def test_without_results_nothing_is_claimed():
    assert [one.figure for one in expectations([], [], 0)] == [
        "none yet",
        "0",
        "0 / 0",
        "none yet",
        "0",
        "0 of 0",
    ]


def test_a_task_with_published_numbers_alone_has_a_board_without_runs(tmp_path):
    recorded(tmp_path, manifest("t", "a", 0.5))
    found = content(leaderboard.render(tmp_path))
    words = found["words"]
    named = {words[found["tasks"][board["task"]]["name"]]: board for board in found["unrun"]}
    assert named["reben-mlc"]["rows"] == 0
    assert named["reben-mlc"]["track"] == "official"
    assert named["reben-mlc"]["current"]
    # No publication has a number on it.
    assert "augmentation-benefit" not in named


def test_a_card_has_the_picture_of_the_best_model_small(tmp_path):
    model, floor = png(1), png(2)
    runs = [
        manifest("t", "floor-x", 0.6, pictures=noted(floor, names=("sample-1.png",))),
        manifest("t", "a", 0.5, pictures=noted(floor, model)),
        manifest("u", "b", 0.5, pictures={"sample-1.png": "0" * 64}),
    ]
    drawn(tmp_path, runs[0], **{"sample-1": floor})
    drawn(tmp_path, runs[1], depth=floor, **{"sample-1": model})
    drawn(tmp_path, runs[2], **{"sample-1": model})
    recorded(tmp_path, *runs)
    found = content(leaderboard.render(tmp_path))["pictures"]
    assert {name: picture["says"] for name, picture in found.items() if name in "tu"} == {
        "t": "Samples as a answers them"
    }
    assert (found["t"]["width"], found["t"]["height"]) == (20, 20)


def test_samples_stand_side_by_side_until_a_card_is_full(tmp_path):
    made = [png(number) for number in range(4)]
    names = [f"sample-{number}.png" for number in range(4)]
    run = manifest("t", "a", 0.5, pictures=noted(*made, names=names))
    drawn(tmp_path, run, **{f"sample-{number}": one for number, one in enumerate(made)})
    recorded(tmp_path, run)
    found = content(leaderboard.render(tmp_path))["pictures"]["t"]
    assert (found["width"], found["height"]) == (40, 20)


def test_without_a_kept_picture_a_card_has_that_of_the_data_set(tmp_path):
    recorded(tmp_path, manifest("t", "a", 0.5))
    found = content(leaderboard.render(tmp_path))
    assert found["pictures"] == {}
    assert set(found["samples"]) <= {tasks.load(name).dataset for name in tasks.names()}
    assert "imulated" in found["samples"]["reben"]["says"]


def cards(browser):
    return browser.texts(".card h3")


def press(browser, text):
    browser.run(
        "[...document.querySelectorAll('.filters button')]"
        ".find((b) => b.innerText.trim().startsWith(arguments[0])).click()",
        text,
    )


def test_the_first_screen_says_what_this_is_and_how_to_submit(chromium, page):
    chromium.open(page)
    figures = chromium.texts("#front .figures > div")
    assert f"{len(tasks.names()) - 12}" in figures[0]
    assert len(chromium.texts("#front .expectations li")) == 6
    lines = chromium.find("#submit pre").text.splitlines()
    assert [line.split()[1] for line in lines] == ["init", "check", "run", "submit"]
    assert chromium.complaints() == []


def test_a_card_says_floor_best_and_published(chromium, tmp_path):
    task = tasks.load("reben-mlc")
    runs = [
        manifest("reben-mlc", name, value, of_task={"digest": task.digest})
        for name, value in (("net", 0.7), ("floor-x", 0.5))
    ]
    for run in runs:
        run["data"]["ids_sha256"] = task.published(task.split).ids_sha256
    recorded(tmp_path, *runs)
    leaderboard.write(tmp_path, tmp_path / "page.html")
    chromium.open(tmp_path / "page.html", "#search=reben-mlc")
    text = chromium.find(".card").text
    for said in (
        "Which of 19 land-cover classes occur in a patch of 1.2 km x 1.2 km?",
        "official",
        "0.700 [0.689, 0.709] net",
        "0.500 floor-x",
        "0.711 resnet50, mohds52",
    ):
        assert said in text
    chromium.find(".card-link").click()
    chromium.wait("return document.querySelector('.board')")
    assert chromium.run("return location.hash") == "#task=reben-mlc"


def test_filters_stand_in_the_address_and_the_back_button_takes_them_off(chromium, page):
    # A tab keeps 50 entries of history: behind those of other tests a step back leaves the page.
    before = chromium.driver.current_window_handle
    chromium.driver.switch_to.new_window("tab")
    after = chromium.driver.current_window_handle
    chromium.driver.switch_to.window(before)
    chromium.driver.close()
    chromium.driver.switch_to.window(after)
    chromium.open(page)
    every = cards(chromium)
    press(chromium, "depth")
    assert chromium.run("return location.hash") == "#kind=depth"
    assert len(cards(chromium)) == 2
    press(chromium, "no results yet")
    assert cards(chromium) == []
    assert "fits" in chromium.texts(".gallery .banner")[0]
    chromium.run("history.back()")
    chromium.wait("return document.querySelectorAll('.card').length === 2")
    chromium.run("history.back()")
    chromium.wait("return document.querySelectorAll('.card').length > 2")
    assert cards(chromium) == every
    chromium.open(page, "#kind=depth,crops&sensor=sentinel-1")
    assert chromium.texts(".count[role=status]")[0].startswith("2 of ")
    pressed = chromium.texts(".chip[aria-pressed=true]")
    assert [text.split()[0] for text in pressed] == ["crops", "depth", "Sentinel-1"]


def test_searching_finds_tasks_models_and_data_sets(chromium, page):
    chromium.open(page)
    chromium.find(".filters input[type=search]").send_keys("mobilevit")
    assert len(cards(chromium)) == 2
    assert chromium.texts(".card-found") == ["Has mobilevit_s"] * 2
    chromium.open(page, "#search=magicbathynet")
    assert len(cards(chromium)) == 4


def test_folds_stand_on_the_card_of_the_first(chromium, page):
    chromium.open(page, "#kind=crops")
    assert not any("fold 2" in text for text in cards(chromium))
    assert chromium.texts(".card-folds")[0].split() == ["Folds", "1", "2", "3", "4", "5"]


def test_published_numbers_of_a_task_without_runs_are_on_its_page(chromium, page):
    chromium.open(page, "#task=eurosat-zeroshot")
    assert "GeoRSCLIP" in chromium.find("main > .active").text
    assert chromium.complaints() == []
