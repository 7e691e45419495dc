"""``bench verify``: are the numbers of a run what its files say."""

from bench.cli._console import Json, Results, RunName, print_json, print_table, results_folder


def verb(
    run: RunName,
    as_json: Json = False,
    results: Results = None,
) -> None:
    """Hash everything that entered the numbers of a run, and score it again.

    For each it says: same, differs, or not here. Example:

    bench verify reben-mlc.resnet50-s2.sample
    """
    from dataclasses import asdict

    from bench.base.errors import BenchError
    from bench.evaluate.verify import verify
    from bench.results import runs

    folder = results_folder(results)
    found = runs.find(folder, run)
    compared = verify(found, folder)
    if as_json:
        print_json({"run": found.name, "compared": [asdict(one) for one in compared]})
    else:
        print_table(["", "what", "found"], [[c.state, c.what, c.found] for c in compared])
    differ = [one.what for one in compared if one.state == "differs"]
    if differ:
        raise BenchError(
            f"{len(differ)} of {len(compared)} differ in run {found.name}: {', '.join(differ)}",
            "restore the run's folder, or repeat the run with --force",
        )
