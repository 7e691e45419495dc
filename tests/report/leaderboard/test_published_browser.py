"""Published numbers in a browser: what is related, what is left out, and what is the best."""

import pytest

from bench.report import leaderboard
from bench.spec import task as tasks
from tests.report.leaderboard.fabricated import manifest, recorded

SOURCE = """
title = "A study"
authors = "Ada, Bob"
year = 2024
url = "https://example.org/a"
trust = "reported"
{whole}
[[table]]
where = "Table 2"
tasks = ["reben-cutmix"]
split = "test"
inputs = "sentinel-2-l2a"
metrics = {{ ap_macro = "percent", parameters_total = "million" }}
differs = "other patches"
values = {{ "their net" = [71.25, 23.6] }}
[[table]]
where = "Table 3"
experiments = ["other-fields"]
related = "reben-cutmix"
why = "another data set"
split = "test"
inputs = "sentinel-2-l2a"
metrics = {{ ap_macro = "percent" }}
values = {{ "their net" = [99.0] }}
"""


@pytest.fixture
def publish(chromium, tmp_path):
    """A page with a source of published numbers beside what ships, opened at a view."""

    def made(whole, view):
        (tmp_path / "reported").mkdir()
        (tmp_path / "reported" / "study.toml").write_text(SOURCE.format(whole=whole))
        task = tasks.load("reben-cutmix")
        about = {"digest": task.digest, "primary": task.primary, "kind": task.kind}
        run = manifest(task.name, "a", 0.5, of_task=about)
        run["data"]["ids_sha256"] = task.published(task.split).ids_sha256
        leaderboard.write(recorded(tmp_path, run), tmp_path / "page.html")
        return chromium.open(tmp_path / "page.html", view)

    return made


def card_of(browser):
    link = (
        "[...document.querySelectorAll('.card-link')].find((a) => a.hash.includes('reben-cutmix'))"
    )
    return browser.run(f"return {link}.closest('.card').innerText")


def test_a_card_shows_the_best_number_of_the_task_not_that_of_a_related_experiment(publish):
    text = card_of(publish("complete = true", ""))
    assert "0.713 their net, Ada et al. 2024" in text.replace("\n", " ")
    assert "0.99" not in text
    assert "best of those shown" not in text


def test_a_card_says_that_a_source_leaves_out_what_may_be_better(publish):
    browser = publish('leaves_out = "two rows"', "")
    assert "(best of those shown)" in card_of(browser)
    assert browser.run(
        "return [...document.querySelectorAll('.card-numbers [title]')]"
        ".some((each) => each.title === 'Not shown: two rows')"
    )


def test_related_numbers_stand_apart_with_their_reason_and_no_rank(publish):
    browser = publish("complete = true", "#task=reben-cutmix")
    assert "other-fields: another data set" in browser.texts(".related[open] tr.source .under")
    (summary,) = browser.texts(".related summary")
    assert "never ranked, never the best published" in summary
    rows = browser.texts(".related tbody tr:not(.source) th")
    # What the abstract of label propagation says is related to this task, too.
    assert sorted(row.split("\n")[0] for row in rows)[-1] == "their net"
    assert any("label propagation, high end" in row for row in rows)
    assert "99" not in " ".join(browser.texts(".board td"))
    browser.find(".related summary").click()
    browser.wait("return !document.querySelector('.related[open]')")
    assert browser.run("return location.hash").endswith("related=0")


def test_the_tab_of_a_board_without_results_counts_what_is_related(chromium, tmp_path):
    run = manifest("reben-cutmix", "a", 0.5, track="sample")
    leaderboard.write(recorded(tmp_path, run), tmp_path / "page.html")
    chromium.open(tmp_path / "page.html", "#task=reben-cutmix")
    assert any(text.split() == ["official", "2", "related"] for text in chromium.texts(".tabs a"))


def test_a_board_shows_what_is_left_out_and_how_large_a_published_model_is(publish):
    browser = publish('leaves_out = "two rows"', "#task=reben-cutmix&published=1")
    (fold, source) = browser.texts(".published-rows tr.fold, .published-rows tr.source")
    assert "the best is the best of those shown" in fold
    assert "Not shown: two rows" in source
    assert "23.6 M parameters" in browser.texts(".board tr.reported .under")[0]


def test_a_complete_source_needs_no_such_words(publish):
    browser = publish("complete = true", "#task=reben-cutmix&published=1")
    (fold, source) = browser.texts(".published-rows tr.fold, .published-rows tr.source")
    assert "those shown" not in fold
    assert "Not shown" not in source
