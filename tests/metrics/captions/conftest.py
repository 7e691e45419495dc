import importlib.util
import json
import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def coco() -> Path:
    """The folder of pycocoevalcap, where Java can run what lies in it."""
    found = importlib.util.find_spec("pycocoevalcap")
    if found is None or shutil.which("java") is None:
        pytest.skip("pycocoevalcap and java aren't both installed")
    return Path(found.submodule_search_locations[0])


@pytest.fixture(scope="session")
def real_captions(real_data: Path) -> list[list[str]]:
    """RSICD's, RSITMD's, UCM's and LEVIR-CC's captions by image."""
    images = []
    for path in sorted(real_data.glob("captions/*/harma*test.json")):
        images += [record["caption"] for record in json.loads(path.read_text())]
    for path in sorted(real_data.glob("captions/*/*textaug*.jsonl")):
        images += [json.loads(line)["captions"] for line in path.read_text().splitlines()]
    ucm = json.loads((real_data / "captions/ucm/dataset_ucm_modified.json").read_text())
    images += [[sentence["raw"] for sentence in i["sentences"]] for i in ucm["images"]]
    levir = (real_data / "levir_cc/levir_cc_captions.jsonl").read_text().splitlines()
    return images + [json.loads(line)["captions"] for line in levir]


@pytest.fixture(scope="session")
def metric_cases(real_data: Path) -> dict[str, tuple[list[str], list[list[str]]]]:
    """Texts with published scores: candidates, and references of each."""
    folder = real_data / "captions/metric_cases"
    lines = {path.stem: path.read_text().splitlines() for path in folder.glob("*.txt")}
    pairs = zip(lines["nlgeval_ref1"], lines["nlgeval_ref2"], strict=True)
    cases = {"nlgeval": (lines["nlgeval_hyp"], [list(pair) for pair in pairs])}
    references = json.loads((folder / "clipscore_refs.json").read_text())
    for name in ("good", "bad"):
        captions = json.loads((folder / f"clipscore_{name}_captions.json").read_text())
        cases[name] = ([captions[i] for i in references], list(references.values()))
    return cases
