"""Submissions whose files lie beside their manifest."""

import shutil
from pathlib import Path

import pytest

from bench.base import hub
from bench.base.errors import BenchError
from bench.base.files import sha256_file
from bench.results import manifest
from bench.submissions import sources
from bench.submissions import sync as submissions
from bench.submissions.claims import Submission, claims_of, read_submission
from bench.submissions.sandbox import Limits
from tests.submissions.test_submissions import ENTRY, TASK, manifest_of, ran, recorded

__all__ = ["ran"]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """One submission beside its manifest; whoever asks the Hub fails."""
    monkeypatch.setattr(hub, "client", lambda: pytest.fail("the Hub was asked"))
    place = tmp_path / "submissions" / "small"
    place.mkdir(parents=True)
    run = manifest_of(tmp_path / "theirs", "small", "small")
    (place / "entry.toml").write_text(ENTRY.format(name="small"))
    (place / "README.md").write_text("# small\n")
    (place / "model.safetensors").write_bytes(b"weights")
    (place / "run.json").write_bytes((run.folder / "run.json").read_bytes())
    pin(place)
    return place.parent


def pin(place, **changes):
    """Write the manifest of what lies in a folder."""
    about = {
        "entry": place.name,
        "task": TASK.name,
        "files": {path.name: sha256_file(path) for path in place.iterdir()},
        "claims": claims_of(manifest.read(place / "run.json")),
    }
    written = Submission(**about | changes)
    (place.parent / f"{place.name}.toml").write_text(written.text())


def sync(folder, results):
    found, faults = submissions.listed(folder)
    return submissions.sync(found, results, Limits()), faults


def test_they_are_run_and_compared_and_known_afterwards(folder, ran, tmp_path):
    (outcome,), faults = sync(folder, tmp_path / "ours")
    assert (faults, outcome.state, outcome.repo) == ([], "reproduced", "small")
    assert recorded(tmp_path / "ours") == [
        ("small", "rerun", f"submissions:small@{outcome.revision}")
    ]
    assert sync(folder, tmp_path / "ours") == ([outcome], [])
    assert ran == ["small"]


def test_what_changed_since_is_looked_at_again(folder, ran, tmp_path):
    weights = folder / "small" / "model.safetensors"
    weights.write_bytes(b"others")
    (outcome,), _ = sync(folder, tmp_path / "ours")
    assert outcome.state == "refused"
    assert "model.safetensors of submissions:small" in outcome.reason
    assert "isn't the file that its manifest names" in outcome.reason
    weights.write_bytes(b"weights")
    (outcome,), _ = sync(folder, tmp_path / "ours")
    assert outcome.state == "reproduced"
    weights.write_bytes(b"better")
    pin(folder / "small")
    (again,), _ = sync(folder, tmp_path / "ours")
    assert again.state == "reproduced"
    assert again.revision != outcome.revision
    assert ran == ["small", "small"]


def test_files_of_a_submission_are_no_manifests_and_others_below_a_folder_are(folder):
    deeper = folder / "2026"
    deeper.mkdir()
    (folder / "small.toml").rename(deeper / "small.toml")
    (folder / "small").rename(deeper / "small")
    (deeper / "small" / "other.toml").write_text("no = 'manifest'")
    found, faults = submissions.listed(folder)
    assert ([one.repo for one in found], faults) == (["small"], [])
    # A manifest of a repository owns no folder.
    pinned = read_submission(deeper / "small.toml")
    of_hub = pinned.model_copy(update={"repo": "alice/small", "revision": "0" * 40})
    (folder / "2026.toml").write_text(of_hub.text())
    found, faults = submissions.listed(folder)
    assert (sorted(one.repo for one in found), faults) == (["alice/small", "small"], [])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (shutil.rmtree, "no folder small beside it"),
        (lambda place: (place / "a").symlink_to("/etc/passwd"), "small/a is no plain file"),
        (lambda place: (place / "a").mkdir(), "small/a is no plain file"),
        (lambda place: (place / "a").write_bytes(bytes(1 << 20)), "more than 1,048,576 bytes"),
        (
            lambda place: [(place / str(n)).touch() for n in range(100)],
            "or 100 files",
        ),
    ],
)
def test_a_folder_that_is_none_of_a_submission_is_told(spoil, message, folder, tmp_path):
    spoil(folder / "small")
    found, (fault, *_) = submissions.listed(folder)
    assert message in fault
    assert not found


def test_a_file_that_changes_while_it_is_copied_is_refused(folder, tmp_path):
    there = sources.beside(folder / "small.toml")
    (folder / "small" / "README.md").write_text("# other\n")
    with pytest.raises(BenchError, match="changed meanwhile"):
        sources.fetch(there, "README.md", 1 << 20, tmp_path)
    assert not (tmp_path / "README.md").exists()


def test_a_manifest_pins_a_repository_to_a_commit_or_names_none(folder):
    manifest = folder / "small.toml"
    manifest.write_text('repo = "alice/small"\n' + manifest.read_text())
    _, (fault,) = submissions.listed(folder)
    assert "a repository needs a commit" in fault


def test_the_projects_own_submissions_are_taken_in_offline(bench):
    shown = bench(
        ["submissions", "sync", "--from", ROOT / "submissions", "--json"],
        HF_HUB_OFFLINE="1",
    ).json()
    assert shown["unread"] == []
    manifests = sorted((ROOT / "submissions").glob("*.toml"))
    assert [found["repo"] for found in shown["submissions"]] == [path.stem for path in manifests]
    for found, path in zip(shown["submissions"], manifests, strict=True):
        assert (found["state"], found["trust"], found["track"]) == ("reproduced", "rerun", "sample")
        assert found["value"] == pytest.approx(found["claimed"], rel=1e-6)
        kept = [file.stat().st_size for file in sources.folder_of(path).iterdir()]
        assert sum(kept) <= 200_000
        assert (bench.folder / "results" / "runs" / found["run"] / "run.json").is_file()
