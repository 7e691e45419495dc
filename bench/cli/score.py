"""``bench score``: stored observations, scored again."""

from bench.cli import _shown
from bench.cli._console import Json, Results, RunName, print_json, results_folder


def verb(
    run: RunName,
    full: _shown.Full = False,
    as_json: Json = False,
    results: Results = None,
) -> None:
    """Score the stored observations of a run again: no model, no GPU, no dataset.

    bench score reben-mlc.resnet50-s2.sample
    """
    from bench.evaluate import stages as evaluate
    from bench.results import runs

    folder = results_folder(results)
    found = runs.find(folder, run)
    inside = found.folder.resolve().parent == (folder / "runs").resolve()
    manifest = evaluate.score(found, folder if inside else None)
    if as_json:
        print_json(manifest.content())
    else:
        _shown.show(manifest, found.folder.parent.parent, full=full)
