"""Plug-ins on the command line, and what files of strangers may reach of them."""

import tomli_w

from tests.planted import plant

MARK = "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"


def task(name, **changes):
    known = {"name": name, "version": 1, "kind": "multilabel", "title": name, "dataset": "reben"}
    return tomli_w.dumps(known | {"primary": "ap_macro", "splits": {"test": {}}} | changes)


def test_list_of_plugins(bench, tmp_path):
    site = plant(
        tmp_path / "site",
        "acme",
        {
            "datasets": {"acme": "acme_package.reader", "reben": "acme_package.reader"},
            "sources": {"fine": "acme_package.reader", "gone": "acme_package.nowhere"},
            "tasks": {"acme": "acme_package.tasks"},
            "dataset": {"slip": "acme_package"},
        },
        {
            "acme_package/__init__.py": "",
            "acme_package/reader.py": "",
            "acme_package/acme.toml": "",
        },
    )
    plant(site, "other", {"sources": {"fine": "acme_package"}}, {})
    rows = bench("list --plugins --json", PYTHONPATH=str(site)).json()["plugins"]
    assert all(row["version"] == "1.0" for row in rows)
    states = {(row["group"], row["name"], row["distribution"]): row["state"] for row in rows}
    assert len(states) == len(rows)
    start = "rs_bench."
    assert states == {
        (f"{start}datasets", "acme", "acme"): "ready",
        (f"{start}datasets", "reben", "acme"): "ignored: rs-bench has its own dataset reben",
        (f"{start}sources", "fine", "acme"): "can't be used: its name is also in other 1.0",
        (f"{start}sources", "fine", "other"): "can't be used: its name is also in acme 1.0",
        (f"{start}sources", "gone", "acme"): (
            "can't be used: model source gone of acme 1.0 can't be imported: "
            "ModuleNotFoundError: No module named 'acme_package.nowhere'"
        ),
        (f"{start}tasks", "acme", "acme"): (
            "can't be used: folder of tasks acme of acme 1.0 names acme_package.tasks, "
            "which is no package or module on the disk"
        ),
        (f"{start}dataset", "slip", "acme"): (
            "ignored: there is no group rs_bench.dataset (known: datasets, kinds, metrics, "
            "sources, checks, tasks, baselines)"
        ),
    }
    assert bench("list --plugins").stdout == "no plug-ins are installed\n"


def test_tasks_of_plugins(bench, tmp_path):
    files = {
        "one_tasks/fine.toml": task("fine"),
        "one_tasks/both.toml": task("both"),
        "one_tasks/reben-mlc.toml": task("reben-mlc", title="another"),
        "one_tasks/other-name.toml": task("name"),
        "one_tasks/short.toml": 'name = "short"',
        "one_tasks/broken.toml": "name = ",
        "one_tasks/orphan.toml": task("orphan", dataset="nowhere"),
        "one_tasks/__init__.py": MARK,
    }
    site = plant(tmp_path / "site", "one", {"tasks": {"one": "one_tasks"}}, files)
    plant(site, "two", {"tasks": {"two": "two_tasks"}}, {"two_tasks/both.toml": task("both")})
    typed = {"PYTHONPATH": str(site)}
    shown = bench("list --json", **typed)
    rows = {row["task"]: row for row in shown.json()["tasks"]}
    assert rows["fine"]["kind"] == "multilabel"
    assert rows["reben-mlc"]["title"] != "another"
    assert not {"name", "other-name", "short", "broken", "orphan"} & set(rows)
    said = shown.stderr.splitlines()
    start = "plug-in ignored: folder of tasks one of one 1.0: "
    assert [line.removeprefix(start) for line in said] == [
        said[0].removeprefix(start),
        f"{site}/one_tasks/other-name.toml declares a task of another name than its own",
        "rs-bench has its own task reben-mlc",
        f"{site}/one_tasks/short.toml declares no kind, title, dataset, primary, version, splits",
        "task orphan left out: unknown dataset 'nowhere'",
    ]
    assert "broken.toml" in said[0]
    shown = bench("info both", code=2, **typed)
    assert "error: task both is in one 1.0 and two 1.0" in shown.stderr
    assert not (site / "one_tasks" / "__init__.ran").exists()
    asked = {"_BENCH_COMPLETE": "complete_bash", "COMP_WORDS": "bench info fi", "COMP_CWORD": "2"}
    shown = bench("", **typed, **asked)
    assert (shown.stdout, shown.stderr) == ("fine\n", "")


def test_baselines_of_plugins(bench, tmp_path):
    entry = '[model]\narchitecture = "timm:test_resnet"\n'
    files = {
        "one_base/reben-mlc/own/entry.toml": entry,
        "one_base/reben-mlc/resnet18/entry.toml": entry,
        "one_base/reben-mlc/recipes.toml": "[sample]\n",
    }
    site = plant(tmp_path / "site", "one", {"baselines": {"one": "one_base"}}, files)
    plain = bench("info reben-mlc --json").json()
    shown = bench("info reben-mlc --json", PYTHONPATH=str(site))
    found = shown.json()
    assert set(found["baselines"]) - set(plain["baselines"]) == {
        *("own", "own-s2", "own-s1", "own-s1s2")
    }
    assert found["recipes"] == plain["recipes"]
    assert "rs-bench has its own baseline resnet18 of task reben-mlc" in shown.stderr
    plant(
        site,
        "two",
        {"baselines": {"two": "two_base"}},
        {"two_base/reben-mlc/own/entry.toml": entry},
    )
    shown = bench("run --task reben-mlc --model own", code=2, PYTHONPATH=str(site))
    assert "baseline of task reben-mlc, own is in one 1.0 and two 1.0" in shown.stderr


def test_files_of_strangers_reach_no_plugin(bench, tmp_path, sample_data):
    site = plant(
        tmp_path / "site",
        "acme",
        {"sources": {"acme": "acme_source"}, "datasets": {"acme": "acme_source"}},
        {"acme_source.py": MARK},
    )
    bench("init mine --task reben-mlc --architecture timm:test_resnet")
    entry = bench.folder / "mine" / "entry.toml"
    text = entry.read_text().replace("timm:test_resnet", "acme:net")
    entry.write_text(text.replace("weights = ", "learns = false\n# "))
    shown = bench("check mine", code=1, PYTHONPATH=str(site))
    assert "architecture acme:net isn't installed with the harness" in shown.stdout
    assert not (site / "acme_source.ran").exists()


def test_a_broken_check_is_no_fault_of_the_submission(bench, tmp_path, sample_data):
    site = plant(
        tmp_path / "site",
        "acme",
        {"checks": {"acme": "acme_checks"}},
        {"acme_checks.py": "def broken(submission):\n    return 1 / 0\n"},
    )
    bench("init mine --task reben-mlc --architecture timm:test_resnet")
    shown = bench("check mine", code=1, PYTHONPATH=str(site))
    assert shown.stderr.startswith(
        "error: broken of check acme of acme 1.0 failed: ZeroDivisionError: division by zero"
    )
