"""A newcomer, who knows the page by what stands on it: from the first screen to four answers."""

import pytest

from bench.report import leaderboard
from bench.spec import task as tasks
from tests.report.leaderboard.fabricated import manifest, recorded
from tests.report.leaderboard.test_images import drawn, noted, png

TASK = "magicbathy-bathymetry-agia-napa"


@pytest.fixture(scope="module")
def depths(tmp_path_factory):
    """A page with three entries and a floor on one task; the lowest error is the best."""
    folder = tmp_path_factory.mktemp("depths")
    task = tasks.load(TASK)
    about = {"digest": task.digest, "primary": task.primary, "kind": task.kind}
    picture, runs = png(7), []
    for name, value in (("unet", 0.4), ("stumpf", 0.9), ("linear", 1.2), ("floor-mean", 1.9)):
        run = manifest(TASK, name, value, of_task=about, metric="rmse", track="sample")
        run["scores"][0]["average"] = "pixels"
        run["pictures"] = noted(picture, names=("sample-1.png",))
        runs.append(drawn(folder, run, **{"sample-1": picture}))
    path = folder / "page.html"
    leaderboard.write(recorded(folder, *runs), path)
    return path


def visible(browser, words):
    """The first link or button in sight that says these words."""
    found = browser.run(
        "return [...document.querySelectorAll('a, button')].find((e) => e.checkVisibility()"
        " && (e.innerText + ' ' + (e.ariaLabel ?? '')).includes(arguments[0]))",
        words,
    )
    assert found is not None, f"nothing says {words}"
    return found


@pytest.fixture
def first_screen(chromium, depths):
    return chromium.open(depths)


def card(browser):
    browser.find("input[type=search]").send_keys("bathymetry agia")
    (found,) = browser.driver.find_elements("css selector", "article")
    return found


def test_the_best_model_of_a_task_is_on_its_card_and_first_on_its_board(first_screen):
    text = card(first_screen).text
    assert "Best entry\n0.400 metres [0.389, 0.409] unet" in text
    assert "lower is better" in text
    assert "simulated" in text
    visible(first_screen, "Bathymetry from one image").click()
    first = first_screen.wait("return document.querySelector('.board tbody tr')?.innerText")
    assert first.split()[:2] == ["1", "unet"]


def test_its_picture_is_on_the_card_and_in_its_run(first_screen):
    shown = "return document.querySelector('article img')?.naturalWidth"
    card(first_screen)
    assert first_screen.wait(shown)
    assert "Samples (simulated) as unet answers them" in first_screen.run(
        "return document.querySelector('article img').alt"
    )
    visible(first_screen, "Bathymetry from one image").click()
    first_screen.wait("return document.querySelector('.board')")
    visible(first_screen, "unet").click()
    assert first_screen.wait("return document.querySelector('dialog[open] img')?.naturalWidth")


def test_its_published_competitor_is_on_the_card_and_on_the_board(first_screen):
    text = card(first_screen).text
    published = text[text.index("Published") :]
    assert "0.571 metres" in published
    assert "MAE (ViT)" in published
    visible(first_screen, "Bathymetry from one image").click()
    first_screen.wait("return document.querySelector('.board')")
    visible(first_screen, "official").click()
    first_screen.wait("return document.querySelector('main').innerText.includes('MAE (ViT)')")


def test_how_to_submit_is_in_sight_and_one_click_away_from_everywhere(first_screen):
    block = first_screen.find("#submit")
    assert block.rect["y"] + block.rect["height"] < 1000
    assert "bench submit my-entry --repo me/my-entry" in block.text
    visible(first_screen, "Bathymetry from one image").click()
    first_screen.wait("return document.querySelector('.board')")
    visible(first_screen, "Submit").click()
    first_screen.wait("return document.querySelector('.cards')")
    inside = (
        "const r = document.querySelector('#submit pre').getBoundingClientRect();"
        "return r.top >= 0 && r.bottom <= innerHeight"
    )
    assert first_screen.wait(inside)
