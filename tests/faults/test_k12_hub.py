"""Whatever a Hub answers: bounded in bytes, in memory and in the number of answers."""

import json
import tracemalloc
import zlib
from collections.abc import Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import close_session, get_session

from bench.base import bounded_http
from bench.base import hub as hubs
from bench.base.bounded_http import MAX_ANSWER, MAX_ANSWERS
from bench.base.errors import BenchError
from bench.models import _snapshot
from tests.hub.server import Hub, Instead

REPO, COMMIT = "alice/mine", "a" * 40
BLOCK = bytes(1 << 16)
IN_FLIGHT = 24 << 20
"""What the sockets of both sides may hold, in bytes, with room."""


def says(server: Hub, endpoint: str, body: Any, status: int = 200, **headers: str) -> None:
    content = body if callable(body) else lambda: [json.dumps(body).encode()]
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    server.instead[endpoint] = Instead(content, status, named)


def about(*siblings: Any, sha: Any = COMMIT) -> dict[str, Any]:
    return {"id": REPO, "modelId": REPO, "sha": sha, "siblings": list(siblings)}


def refused() -> BenchError:
    """The error of looking at the repository, which takes little memory to come to."""
    tracemalloc.start()
    try:
        with pytest.raises(BenchError) as caught:
            hubs.look(REPO)
        assert tracemalloc.get_traced_memory()[1] < 20 * MAX_ANSWER
    finally:
        tracemalloc.stop()
    assert len(caught.value.message) < 500
    return caught.value


def million_names() -> Iterator[bytes]:
    yield b'{"id": "a/b", "siblings": ['
    for start in range(0, 1_000_000, 2000):
        yield b"".join(b'{"rfilename": "%030d"},' % (start + number) for number in range(2000))


BODIES: dict[str, Any] = {
    "a hundred megabytes": lambda: repeat(BLOCK, 1600),
    "endless": lambda: repeat(BLOCK),
    "an endless text": lambda: repeat(b'"' + bytes(70) * 1000),
    "a million names": million_names,
}


@pytest.mark.parametrize("name", BODIES)
def test_a_long_answer_is_read_in_part(hub: Hub, name: str) -> None:
    says(hub, "info", BODIES[name])
    assert f"at most {MAX_ANSWER:,} bytes" in refused().message
    assert hub.said[1] < MAX_ANSWER + IN_FLIGHT


def packed() -> Iterable[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield from (packer.compress(BLOCK * 16) for _ in range(200))
    yield packer.flush()


def test_a_packed_answer_is_unpacked_in_part(hub: Hub) -> None:
    says(hub, "info", packed, Content_Encoding="gzip")
    assert f"at most {MAX_ANSWER:,} bytes" in refused().message


@pytest.mark.parametrize("packing", ["br", "zstd", "gzip, gzip", "gzip, deflate"])
def test_an_answer_packed_in_another_way_is_not_unpacked(hub: Hub, packing: str) -> None:
    says(hub, "info", packed, Content_Encoding=packing)
    assert packing in refused().message


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 5_000_000,
        b'{"a":' * 1_000_000,
        b'{"id": "a/b", "cardData": ' + b'{"a":' * 900_000 + b"1" + b"}" * 900_001,
        b"9" * 1_000_000,
        b"nonsense",
        b"",
    ],
)
def test_nested_or_broken_json_is_named(hub: Hub, text: bytes) -> None:
    says(hub, "info", lambda: [text])
    assert f"hf:{REPO} can't be fetched" in refused().message


@pytest.mark.parametrize(
    "answer",
    [
        [],
        "a",
        None,
        about("a"),
        about({}),
        about({"rfilename": "a", "lfs": "b"}),
        about({"rfilename": "a"}) | {"siblings": {"a": 1}},
        about() | {"cardData": "a"},
        about() | {"lastModified": 5},
        about() | {"safetensors": [1]},
        about(sha="../../../x"),
        about(sha=["a"]),
        about(sha="a" * 100_000),
    ],
    ids=str,
)
def test_an_answer_of_another_form_is_named(hub: Hub, answer: Any) -> None:
    says(hub, "info", answer)
    try:
        found = hubs.look(REPO)
    except BenchError as error:
        assert len(str(error)) < 500
    else:
        assert (found.commit, dict(found.files)) == (COMMIT, {})


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../../x", "/etc/passwd", "a//b", "./a", "", "a/", "x" * 1001, 5, None, ["a"], {}],
    ids=str,
)
def test_a_path_that_no_repository_holds_is_named(hub: Hub, name: Any) -> None:
    says(hub, "info", about({"rfilename": name, "size": 1}))
    assert "expected paths" in refused().message


def test_names_that_cannot_be_printed_are_left_out(hub: Hub) -> None:
    odd = ["a\0b", "\x1b[2J", "a\nb", "\ud800", "\u202egpj.exe", "\u2028"]
    says(hub, "info", about(*({"rfilename": name} for name in [*odd, "ö 1/x.txt"])))
    assert list(hubs.look(REPO).files) == ["ö 1/x.txt"]


def test_more_files_than_a_repository_should_have(hub: Hub) -> None:
    names = [{"rfilename": str(number)} for number in range(bounded_http.MAX_FILES + 1)]
    says(hub, "info", about(*names))
    assert "at most 10,000 files, found 10,001" in refused().message
    says(hub, "info", about(*names[:-1]))
    assert len(hubs.look(REPO).files) == bounded_http.MAX_FILES


@pytest.mark.parametrize("size", [10**18, 1 << 70, -1, True, 1.5, "9", [], None], ids=str)
def test_a_claimed_size_is_never_fetched(hub: Hub, size: Any, tmp_path: Path) -> None:
    says(hub, "info", about({"rfilename": "entry.toml", "size": size, "blobId": 5}))
    with pytest.raises(BenchError, match=r"at most 100 are fetched"):
        hubs.fetch(hubs.look(REPO), "entry.toml", 100, tmp_path)
    with pytest.raises(BenchError, match=r"at most \d+ are fetched"):
        _snapshot.fetch(REPO, None)
    assert hub.fetched == []


def test_a_file_longer_than_it_is_listed_is_fetched_in_part(hub: Hub, tmp_path: Path) -> None:
    file = {"rfilename": "entry.toml", "size": 100, "blobId": "b" * 40}
    says(hub, "info", about(file))
    says(hub, "resolve", lambda: repeat(BLOCK), ETag='"x"', X_Repo_Commit=COMMIT)
    with pytest.raises(BenchError, match=r"at most 16,777,216 bytes"):
        hubs.fetch(hubs.look(REPO), "entry.toml", 100, tmp_path)
    with pytest.raises(BenchError, match=r"at most 16,777,216 bytes"):
        _snapshot.fetch(REPO, None)
    assert hub.said[1] < 2 * (MAX_ANSWER + IN_FLIGHT)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirections_in_a_circle_end(hub: Hub, status: int, tmp_path: Path) -> None:
    says(hub, "info", about({"rfilename": "entry.toml", "size": 5, "blobId": "b" * 40}))
    there = hubs.look(REPO)
    for endpoint, path in (
        ("info", f"/api/models/{REPO}"),
        ("resolve", f"/{REPO}/resolve/{COMMIT}/entry.toml"),
    ):
        says(hub, endpoint, "", status, Location=path)
    refused()
    with pytest.raises(BenchError):
        hubs.fetch(there, "entry.toml", 100, tmp_path)
    assert hub.said[0] <= 2 * MAX_ANSWERS


def test_pages_without_end_are_followed_for_a_while(hub: Hub) -> None:
    following = f'<{hub.url}/api/models?filter=x&cursor=0>; rel="next"'
    says(hub, "list", [], Link=following)
    with pytest.raises(BenchError, match=f"at most {MAX_ANSWERS} answers"):
        hubs.tagged("rs-bench", 1000)
    assert hub.said[0] == MAX_ANSWERS + 1


@pytest.mark.parametrize(
    "headers", [{"Retry_After": "99999999"}, {"ratelimit": '"api";r=0;t=86400'}], ids=str
)
def test_a_pause_of_days_is_named_rather_than_waited_for(hub: Hub, headers: dict[str, str]) -> None:
    says(hub, "list", [], 429, **headers)
    with pytest.raises(BenchError, match="asks for a pause of"):
        hubs.tagged("rs-bench", 10)
    assert hub.said[0] == 1


def test_a_client_made_anew_is_bounded_and_others_are_left_alone(hub: Hub) -> None:
    says(hub, "info", lambda: repeat(BLOCK, 300))
    bounded_http.install(5.0)
    address = f"{hub.url}/api/models/{REPO}"
    close_session()
    with bounded_http.bounded(), pytest.raises(BenchError):
        get_session().get(address)
    assert len(get_session().get(address).content) == 300 * len(BLOCK)
