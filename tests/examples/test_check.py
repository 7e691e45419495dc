def test_check(bench_with, sample_data):
    bench = bench_with("check", data=sample_data)
    bench("init mine --task reben-mlc --architecture timm:test_resnet")
    shown = bench.in_process("check mine --json", code=1)
    found = {f["id"]: f for f in shown.json()["findings"]}
    assert found["lab.title"]["passed"] is False
    assert found["lab.title"]["hint"] == 'write title = "..." in entry.toml'
    entry = bench.prompt.folder / "mine" / "entry.toml"
    entry.write_text(entry.read_text().replace('title = ""', 'title = "Mine"'))
    (bench.prompt.folder / "mine" / "README.md").write_text("word " * 20)
    shown = bench.in_process("check mine --json", code=1)
    found = {f["id"]: f["found"] for f in shown.json()["findings"]}
    assert (found["lab.title"], found["lab.readme"]) == ("Mine", "20 words")
    shown = bench.without("check mine --json", code=1)
    assert [f["id"] for f in shown.json()["findings"]] == [i for i in found if i[:4] != "lab."]
