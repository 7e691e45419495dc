"""The notebooks: each runs from beginning to end in an empty folder, and shows what it is for."""

from pathlib import Path

import pytest

from bench.api.notebook import Bars

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

SHOWN = {
    "1-first-run": {"<progress", "image/png", "<table"},
    "2-bring-and-compare": {"<progress", "image/png", "<table", "verdict"},
    "3-read-results": {"floor-prior-rgb", "\\\\toprule", "'leaderboard.html'"},
}
"""What must stand among the outputs of each."""


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, data_folder: Path, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    text = repr(outputs)
    for wanted in SHOWN[path.stem]:
        assert wanted in text, wanted
    said = [out.text for out in outputs if out.get("name") == "stderr"]
    # A package that we need advises another one.
    assert not [one for one in said if "ipywidgets" not in one]
    assert (tmp_path / "results" / "runs").is_dir()


def test_every_notebook_is_kept_without_outputs() -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    assert [path.stem for path in NOTEBOOKS] == list(SHOWN)
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert not any(cell.outputs or cell.execution_count for cell in code)


class Handle:
    """What a notebook returns for HTML that may be replaced."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def update(self, text: str) -> None:
        self.texts.append(text)


def test_a_stage_has_one_bar_whose_end_is_shown() -> None:
    handle = Handle()

    def show(text: str) -> Handle:
        handle.texts.append(text)
        return handle

    bars = Bars(show, str)
    for done in range(1, 1001):
        bars("train  epoch <1>", done, 1000)
    bars("predict", 1, 2)
    first, *_, last = handle.texts
    assert 'value="1" max="1000"' in first
    assert 'value="1000" max="1000"' in last
    assert "epoch &lt;1&gt;: 1,000 of 1,000" in last
    assert last.count("<progress") == 2
    assert len(handle.texts) < 100
