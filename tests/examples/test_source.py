def test_source(bench_with):
    bench = bench_with("dataset", "source")
    model = "run --task tiny-fields-cover --track sample -q --json --model plainconv:"
    manifest = bench.in_process(f"{model}8x2/red").json()
    assert manifest["entry"]["name"] == "plainconv-8x2-red"
    assert manifest["entry"]["model"]["architecture"] == "plainconv:8x2"
    assert manifest["arithmetic"]["rs-bench-plain-conv"] == "1.0"
    shown = bench.in_process(f"{model}8", code=2)
    assert "plainconv:8 is no network" in shown.stderr
    shown = bench.in_process("run --task reben-mlc --model plainkonv:8x2", code=2)
    assert "unknown model source 'plainkonv'" in shown.stderr
    assert "did you mean plainconv" in shown.stderr
