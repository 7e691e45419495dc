def test_baseline(bench_with):
    bench = bench_with("dataset", "baseline")
    names = bench("info tiny-fields-cover --json").json()["baselines"]
    assert {"unet", "nearest-mean", "nearest-mean-red"} <= set(names)
    run = "run --task tiny-fields-cover --model nearest-mean --track sample -q --json"
    manifest = bench.in_process(run).json()
    assert manifest["entry"]["name"] == "nearest-mean-both"
    scores = {f"{s['metric']}_{s['average']}": s["value"] for s in manifest["scores"]}
    # The three spectra lie further apart than the noise.
    assert scores["iou_macro"] > 0.95
