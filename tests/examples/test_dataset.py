import shutil


def test_dataset(bench_with, tmp_path):
    bench = bench_with("dataset")
    assert "tiny-fields-cover" in bench("list --names").stdout.split()
    (about,) = bench("data list tiny-fields --json").json()["datasets"]
    assert (about["title"], about["official"]) == ("Tiny fields", False)
    assert "tiny-fields-1" in bench("data sample tiny-fields").stdout
    checks = bench("data verify tiny-fields --track sample --json").json()["checks"]
    assert [(check["name"], check["passed"]) for check in checks] == [
        ("splits", True),
        ("tiles", True),
        ("pixels", True),
    ]
    # A copy of the published data is read the same way, and its faults are found.
    official = tmp_path / "data" / "tiny-fields"
    shutil.copytree(tmp_path / "data" / "sample" / "tiny-fields-1", official)
    (official / "tiles" / "test-003.npy").write_bytes(b"\x93NUMPY\x01\x00")
    (official / "tiles" / "test-004.npy").unlink()
    shown = bench("data verify tiny-fields", code=1)
    assert "1 of 112 missing" in shown.stdout
    assert "1 of 111 can't be read" in shown.stdout
    assert "test-003.npy: expected an array of <u2" in shown.stdout


def test_task_on_the_dataset(bench_with):
    bench = bench_with("dataset")
    run = "run --task tiny-fields-cover --model unet --track sample -q --json"
    manifest = bench.in_process(run).json()
    assert manifest["task"]["name"] == "tiny-fields-cover"
    assert manifest["arithmetic"]["rs-bench-tiny-fields"] == "1.0"
    scores = {f"{s['metric']}_{s['average']}": s["value"] for s in manifest["scores"]}
    assert scores["iou_macro"] > 0.6
    # What is recorded stays readable without the plug-in.
    assert "tiny-fields-cover" not in bench.without("list --names").stdout.split()
    assert "unet-both" in bench.without("results").stdout
