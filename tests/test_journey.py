"""From an empty folder to a row on a leaderboard, by typing what the documentation says.

Nothing here is ours but a folder, a Hub on the loopback interface and the simulated data: commands
go through the installed program, each in a process of its own, with relative paths, the default
folder of results and the client's default transport.
"""

import re
import tomllib
from pathlib import Path

import tomli_w
import torch
from safetensors.torch import load_file

from tests import pages
from tests.hub.server import Hub, commit_of
from tests.tiny import brief
from tests.typed import Prompt


def blocks(page: str) -> list[str]:
    """The commands of a page, with the smallest network and the only user of our Hub.

    The token that `hf auth login` would ask for is in the environment.
    """
    return [
        block.replace("resnet18", "test_resnet")
        .replace("me/my-entry", "alice/my-entry")
        .replace("hf auth login\n", "")
        for block in pages.blocks(page)
    ]


def test_from_an_empty_folder_to_a_row(bench: Prompt, hub: Hub, sample_data: Path) -> None:
    here = bench.folder
    assert not list(here.iterdir())

    bring, *_ = blocks("docs/models.md")
    shown = bench.shell(bring)
    assert "my-test_resnet on reben-mlc, sample track" in shown.stdout
    assert re.search(
        r"^run +reben-mlc\.my-test_resnet\.sample\.\w+ in results/runs$", shown.stdout, re.M
    )

    begin, submit, _, _, take_in = blocks("docs/submit.md")
    assert "next: fill them in, then bench check my-entry" in bench.shell(begin).stdout
    path = here / "my-entry" / "entry.toml"
    told = tomllib.loads(path.read_text(encoding="utf-8"))
    assert told["model"]["architecture"] == "timm:resnet18"
    told["model"]["architecture"] = "timm:test_resnet"
    filled = {"authors": ["A. Lice"], "licence": "MIT", "training_data": ["reben/train"]}
    path.write_text(tomli_w.dumps(told | filled), encoding="utf-8")
    shown = bench.shell(submit)
    assert "would commit" in shown.stdout
    assert "manifest results/submissions/alice--my-entry.toml" in shown.stdout
    assert shown.stderr.count("offers no Xet") == 1
    commit = commit_of(hub.root / "alice" / "my-entry")

    # On the maintainer's machine.
    board = bench.beside("board")
    (board.folder / "submissions").mkdir()
    shown = board.shell(take_in)
    row = rf"alice/my-entry@{commit[:12]} +my-entry +reben-mlc +sample .* rerun +reproduced"
    assert re.search(row, shown.stdout)
    assert "leaderboard.html: " in shown.stdout
    assert "new: reben-mlc.my-test_resnet" in board("results import ../work/results").stdout
    assert "my-test_resnet" in board("results").stdout

    # What else makes entries.
    brief(here / "my-recipe", epochs=1)
    shown = bench("train --task reben-mlc --model my-recipe")
    assert "--model results/entries/reben-mlc/brief-sample-0-" in shown.stdout
    torch.save(load_file(here / "my-entry" / "model.safetensors"), here / "weights.pt")
    asked = "--task reben-mlc --model timm:test_resnet/s2 --out my-converted --i-trust-this-file"
    assert "--model my-converted" in bench(f"convert weights.pt {asked}").stdout
    made = load_file(here / "my-converted" / "model.safetensors")
    assert made.keys() == load_file(here / "my-entry" / "model.safetensors").keys()
