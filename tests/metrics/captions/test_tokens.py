import json
import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.base.errors import BenchError
from bench.metrics.captions.tokens import MAX_CHARACTERS, PUNCTUATION, tokenise, tokens_of

# The program's own answers; `test_fixture_is_what_java_says` holds them against it.
FROZEN = [
    (text, tuple(tokens))
    for text, tokens in json.loads(Path(__file__).with_name("ptb_tokens.json").read_text())
]


def by_java(coco, tmp_path, captions):
    """pycocoevalcap's tokens, each caption by itself: a line of one word stands behind each."""
    lines = (line for caption in captions for line in (caption.replace("\n", " "), "next"))
    return in_order(coco, tmp_path, lines)[: 2 * len(captions) : 2]


def in_order(coco, tmp_path, lines):
    """pycocoevalcap's tokens of lines that follow each other."""
    file = tmp_path / "captions.txt"
    file.write_text("\n".join(lines), encoding="utf-8")
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", "tokenizer/stanford-corenlp-3.4.1.jar"]
    command += ["edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase", file]
    done = subprocess.run(command, cwd=coco, capture_output=True, check=True, timeout=120)
    answers = done.stdout.decode().split("\n")
    return [tuple(word for word in line.split() if word not in PUNCTUATION) for line in answers]


@pytest.mark.parametrize(("caption", "expected"), FROZEN)
def test_awkward_strings(caption, expected):
    assert tokens_of(caption) == expected


def test_equals_java(coco, tmp_path, real_captions):
    captions = sorted({caption for image in real_captions for caption in image})
    pieces = [piece for text, _ in FROZEN for piece in text.split()]
    pieces = [piece for piece in pieces if piece not in ("<", "<3")]
    draw = random.Random(0)
    mixed = [" ".join(draw.choices(pieces, k=6)) for _ in range(5_000)]
    # What the program joins across a space (1 1/2) is out of the comparison: it is undone.
    mixed = [text for text in mixed if not any(f" {n}/" in text for n in range(10))]
    frozen = [text for text, _ in FROZEN]
    expected = by_java(coco, tmp_path, captions + mixed + frozen)
    assert len(captions) > 30_000
    found = tokenise(captions + mixed)
    wrong = [
        (caption, ours, theirs)
        for caption, ours, theirs in zip(captions + mixed, found, expected, strict=False)
        if ours != theirs
    ]
    assert wrong == []
    assert expected[-len(frozen) :] == [tokens for _, tokens in FROZEN]


def test_a_last_letter_keeps_its_stop_whatever_follows(coco, tmp_path):
    """The one known difference: the program looks at the next caption."""
    last = "a river and a."
    assert tokens_of(last) == ("a", "river", "and", "a.")
    assert in_order(coco, tmp_path, [last, "trees"])[0] == tokens_of(last)
    assert in_order(coco, tmp_path, [last, "There are trees"])[0] == ("a", "river", "and", "a")


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_text_has_clean_tokens(caption):
    tokens = tokens_of(caption)
    assert PUNCTUATION.isdisjoint(tokens)
    assert all(token and not any(c.isspace() for c in token) for token in tokens)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["road", "Trees", "area", "near", "The"]), min_size=1))
def test_plain_words_are_their_own_tokens(words):
    expected = tuple(word.lower() for word in words)
    assert tokens_of(" ".join(words)) == expected
    assert tokens_of(" , ".join(words) + " .") == expected
    # The short way and the rules agree: a hyphen sends the caption through the rules.
    assert tokens_of(" - ".join([*words, ""])) == expected


def test_line_breaks_are_spaces():
    assert tokens_of("two\r\ntrees\u2028and\u0085a\troad\n") == ("two", "trees", "and", "a", "road")


@pytest.mark.parametrize("piece", ["a,", "a'", "<!a", "a@", "(", ". ", "1/", "a-b.", "<a b='", "&"])
def test_long_strings_end(piece):
    text = piece * (20_000 // len(piece))
    assert isinstance(tokens_of(text), tuple)


def test_thousands_of_words():
    assert tokens_of("don't go " * 5_000) == ("do", "n't", "go") * 5_000


def test_a_file_is_no_caption():
    with pytest.raises(BenchError, match="at most 100000 characters"):
        tokens_of("a" * (MAX_CHARACTERS + 1))
