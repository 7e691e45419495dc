import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report.leaderboard.text import link, pinned, shown


@given(st.text(), st.integers(2, 200))
def test_shown_text_is_one_short_printable_line(text, limit):
    found = shown(text, limit)
    assert len(found) <= limit
    assert found.isprintable()


@given(st.text("abc <>&'\"äß漢", max_size=96))
def test_plain_text_is_kept(text):
    assert shown(text) == " ".join(text.split())


def test_direction_marks_and_controls_are_replaced():
    assert shown("a\u202eb\u2066c\x1b[31m\u200b") == "a\ufffdb\ufffdc\ufffd[31m\ufffd"


def test_megabytes_are_cut():
    found = shown("x" * 5_000_000)
    assert len(found) == 96
    assert found.endswith("…")


@pytest.mark.parametrize("url", ["https://a.org/b?c=d#e", "http://a.org", "HTTPS://A.org/"])
def test_web_addresses_become_links(url):
    assert link(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)//https://a.org",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "file:///etc/passwd",
        "//a.org",
        "https://",
        "https://user:word@a.org",
        'https://a.org/" onclick="alert(1)',
        "https://a.org/<b>",
        "https://[::1",
        "https://a.org/\u202e",
        "https://a.org/" + "x" * 500,
        None,
        7,
    ],
)
def test_anything_else_does_not(url):
    assert link(url) == ""


def test_what_the_hub_pins_becomes_a_link_to_its_commit():
    commit = "0123456789abcdef" * 2 + "01234567"
    found = pinned(f"hf:alice/my-net.v2@{commit}")
    assert found == f"https://huggingface.co/alice/my-net.v2/tree/{commit}"
    assert link(found) == found


@pytest.mark.parametrize(
    "source",
    ["", "hf:alice/net", "hf:alice/net@main", f"hf:a/b@{'0' * 39}", f"hf:a/../b@{'0' * 40}"],
)
def test_what_is_not_pinned_does_not(source):
    assert pinned(source) == ""
