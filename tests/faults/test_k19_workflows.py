"""The workflows of a leaderboard: their steps as they stand, against a Hub on the loopback."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.base import hub as hubs
from bench.base.files import sha256_file
from bench.spec import task as tasks
from bench.submissions import sync as submissions
from bench.submissions.claims import Claims, Submission
from tests.hub.server import Hub, commit_of
from tests.made_submissions import predicted_entry
from tests.typed import Prompt

WORKFLOWS = sorted((Path(__file__).parents[2] / ".github" / "workflows").glob("*.yml"))
TASK = tasks.load("reben-mlc")

# What stands in for GitHub's own program: it notes how it was called, and what it was given.
_GH = '#!/bin/sh\nprintf "%s\\n" "$*" > called\ncat > comment\n'


@pytest.fixture(scope="module", autouse=True)
def _checkout() -> None:
    if not WORKFLOWS:
        pytest.skip("workflows are in a checkout only")


def read(name: str) -> Any:
    (path,) = (path for path in WORKFLOWS if path.stem == name)
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def every_step() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in WORKFLOWS:
        for job in read(path.stem)["jobs"].values():
            for step in job["steps"]:
                yield path.stem, step


def test_actions_are_pinned_to_a_commit_and_say_which_version_that_is() -> None:
    for path in WORKFLOWS:
        for line in path.read_text(encoding="utf-8").splitlines():
            if "uses:" in line:
                assert re.search(r"uses: [\w./-]+@[0-9a-f]{40}  # v\d+(\.\d+)*$", line), line


def test_nothing_of_an_event_is_put_into_a_script() -> None:
    for _, step in every_step():
        assert "${{" not in step.get("run", "")


@dataclass(frozen=True)
class Runner:
    """A folder in which the shell steps of a job are run; what GitHub's actions do is done before.

    Attributes:
        folder: the checkout.
        environment: of all steps.
        context: what expressions stand for.
    """

    folder: Path
    environment: dict[str, str]
    context: dict[str, str]

    def run(self, workflow: str, job: str) -> dict[str, int]:
        """Exit codes of the steps by name, up to the first that ends the job."""
        ended = {}
        for step in read(workflow)["jobs"][job]["steps"]:
            # The harness is installed here already.
            if "run" not in step or step["run"].startswith("python -m pip install"):
                continue
            own = {key: self._value(value) for key, value in step.get("env", {}).items()}
            done = subprocess.run(
                ["bash", "-e", "-c", step["run"]],
                cwd=self.folder,
                env=self.environment | own,
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            name = step.get("name", step["run"].split()[0])
            ended[name] = done.returncode
            print(name, done.stdout, done.stderr)
            if done.returncode and not step.get("continue-on-error"):
                break
        return ended

    def _value(self, text: str) -> str:
        return re.sub(r"\$\{\{ (.*?) \}\}", lambda found: self.context[found[1]], text)


@dataclass(frozen=True)
class Origin:
    """The repository of a leaderboard."""

    folder: Path
    environment: dict[str, str]

    def git(self, *words: str, folder: Path | None = None) -> str:
        return subprocess.run(
            ["git", "-c", "init.defaultBranch=main", *words],
            cwd=folder or self.folder,
            env=self.environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "Change")
        return self.git("rev-parse", "HEAD")

    def clone(self, folder: Path, commit: str) -> None:
        self.git("clone", "--quiet", str(self.folder), str(folder))
        self.git("checkout", "--quiet", commit, folder=folder)


@pytest.fixture
def origin(bench: Prompt, tmp_path: Path) -> Origin:
    who = {
        f"GIT_{role}_{what}": "x" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    found = Origin(tmp_path / "origin", bench.environment() | who)
    found.folder.mkdir()
    found.git("init", "--quiet")
    found.commit(README="A leaderboard")
    return found


@pytest.fixture
def runner(origin: Origin, tmp_path: Path) -> Runner:
    """The machine of a job, without anybody's token."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "gh").write_text(_GH)
    (tools / "gh").chmod(0o755)
    path = os.pathsep.join((str(tools), str(Path(sys.executable).parent), os.environ["PATH"]))
    told = {"PATH": path, "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    named = {"GITHUB_REPOSITORY": "board/board", "HF_TOKEN": ""}
    return Runner(tmp_path, origin.environment | told | named, {"secrets.HF_TOKEN": ""})


def asked(runner: Runner, origin: Origin, base: str, name: str) -> Runner:
    """The runner of a pull request: its base is checked out, and the request beside it."""
    folder, head = runner.folder / name, origin.git("rev-parse", "HEAD")
    origin.clone(folder, base)
    origin.clone(folder / "request", head)
    pulled = "github.event.pull_request"
    shas = {f"{pulled}.base.sha": base, f"{pulled}.head.sha": head}
    more = {"github.token": "x", f"{pulled}.number": "7"}
    return replace(runner, folder=folder, context=runner.context | shas | more)


def published(hub: Hub, name: str, folder: Path) -> Submission:
    """An entry on the Hub, and its manifest."""
    hubs.publish(f"alice/{name}", {p.name: p for p in folder.iterdir()}, "Mine")
    return Submission(
        repo=f"alice/{name}",
        revision=commit_of(hub.root / "alice" / name),
        entry=name,
        task=TASK.name,
        files={p.name: sha256_file(p) for p in folder.iterdir()},
        claims=Claims(run="r", task_digest=TASK.digest, track="sample", scores={}),
    )


TAKE, SCORE = (
    "Take the manifests that the request adds or changes",
    "Check them, score them again, compare",
)
DENY = "Say no to what is refused or not reproduced"


def test_both_workflows_from_a_request_to_the_page(
    hub: Hub, sample_data: Path, origin: Origin, runner: Runner, tmp_path: Path
) -> None:
    mine = published(hub, "mine", predicted_entry(tmp_path / "mine"))
    base = origin.git("rev-parse", "HEAD")
    origin.commit(**{f"submissions/{mine.file_name}": mine.text()})
    job = asked(runner, origin, base, "first")
    assert job.run("submissions", "run") == {TAKE: 0, SCORE: 0, DENY: 0}
    table = (job.folder / "table.md").read_text()
    assert table in (tmp_path / "summary.md").read_text()
    assert re.search(r"alice/mine@\w+ +mine +reben-mlc +sample .* rescored +not compared", table)
    assert job.run("submissions", "post") == {"head": 0}
    assert (job.folder / "comment").read_text() == table
    assert (job.folder / "called").read_text().startswith("pr comment 7 --repo board/board")

    # It is merged. Of its run the cache of the page's job has it all.
    page = replace(runner, folder=tmp_path / "page")
    origin.clone(page.folder, "HEAD")
    for kept in ("runs", "submissions"):
        shutil.copytree(job.folder / "results" / kept, page.folder / "results" / kept)
    assert page.run("leaderboard", "page") == {"Process what is new": 0, "bench": 0}
    assert "<html" in (page.folder / "page" / "index.html").read_text()


def test_a_page_is_made_before_anything_was_submitted(
    hub: Hub, data_folder: Path, origin: Origin, runner: Runner, tmp_path: Path
) -> None:
    page = replace(runner, folder=tmp_path / "page")
    origin.clone(page.folder, "HEAD")
    assert page.run("leaderboard", "page") == {"Process what is new": 0, "bench": 0}
    assert (page.folder / "page" / "index.html").is_file()


def test_the_documentation_is_built_as_its_job_says(runner: Runner, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for path in Path(__file__).parents[2].iterdir():
        (checkout / path.name).symlink_to(path)
    job = replace(runner, folder=checkout)
    assert job.run("leaderboard", "docs") == {"Build the documentation": 0}
    made = sorted((checkout / "documentation").rglob("*.html"))
    assert checkout / "documentation" / "index.html" in made
    for page in made:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"?([^\" >]+)", text)
        loaded += re.findall(r'<link rel="?(?:stylesheet|preload)"?[^>]* href="?([^" >]+)', text)
        # Nothing comes from another site.
        assert loaded
        assert not [address for address in loaded if re.match(r"(https?:)?//", address)]


def test_every_manifest_of_a_request_is_looked_at(
    hub: Hub, data_folder: Path, origin: Origin, runner: Runner, tmp_path: Path
) -> None:
    unfit = tmp_path / "unfit"
    unfit.mkdir()
    (unfit / "entry.toml").write_text('task = "none"\n')
    names = ("same", "b c", "-d", "new\nline", "é", "moved", ".hidden", "before")
    texts = [published(hub, f"m{index}", unfit).text() for index, _ in enumerate(names)]
    origin.commit(
        **{"submissions/old.toml": texts[5] + "# once" * 20, "submissions/kept.toml": texts[7]}
    )
    base = origin.git("rev-parse", "HEAD")
    (origin.folder / "submissions" / "old.toml").unlink()
    origin.commit(
        **{
            "submissions/one/alice--m.toml": texts[0],
            "submissions/two/alice--m.toml": texts[1],
            "submissions/b c/-d .toml": texts[2],
            "submissions/-new\nline\n/a\n.toml": texts[3],
            "submissions/é.toml": texts[4],
            "submissions/moved.toml": texts[5] + "# once" * 19,
            "submissions/.hidden.toml": texts[6],
            "elsewhere/m7.toml": texts[7],
        }
    )
    job = asked(runner, origin, base, "request")
    assert job.run("submissions", "run") == {TAKE: 0, SCORE: 0, DENY: 1}
    table = (job.folder / "table.md").read_text()
    assert sorted(set(re.findall(r"alice/(m\d)@", table))) == [f"m{index}" for index in range(7)]
    assert table.count("refused") >= 7


def test_a_link_in_a_request_is_no_manifest(origin: Origin, runner: Runner) -> None:
    base = origin.git("rev-parse", "HEAD")
    (origin.folder / "submissions").mkdir()
    (origin.folder / "submissions" / "a.toml").symlink_to("/etc/hostname")
    origin.commit(**{"submissions/z.toml": "x"})
    job = asked(runner, origin, base, "request")
    assert job.run("submissions", "run") == {TAKE: 1}


def test_two_manifests_of_one_commit_must_agree(tmp_path: Path, hub: Hub) -> None:
    entry = tmp_path / "entry"
    entry.mkdir()
    (entry / "entry.toml").write_text('task = "none"\n')
    told = published(hub, "mine", entry)
    proud = told.model_copy(update={"claims": told.claims.model_copy(update={"run": "other"})})
    folder = tmp_path / "submissions"
    for name, manifest in (("a/x", told), ("b/x", told), ("c", proud)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.toml").write_text(manifest.text())
    (folder / "link.toml").symlink_to(folder / "a" / "x.toml")
    found, faults = submissions.listed(folder)
    assert [one.manifest for one in found] == [told]
    assert len(faults) == 2
    assert re.search(r"c\.toml says something else of alice/mine@\w+ than a/x\.toml", faults[0])
    assert "link.toml is a symbolic link" in faults[1]
