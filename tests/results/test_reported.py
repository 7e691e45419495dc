import math
import tomllib

import pytest

from bench.base.paths import shipped
from bench.metrics.scales import scale
from bench.results import reported, store
from bench.spec import task as tasks
from tests.fabricated import fabricate

WHOLE = """
title = "A paper"
authors = "A, B"
year = 2024
arxiv = "2401.00001"
url = "https://arxiv.org/abs/2401.00001"
trust = "reported"
[[table]]
where = "Table 1"
tasks = ["reben-mlc"]
split = "test"
inputs = "sentinel-2-l2a"
metrics = { ap_macro = "percent", f1_macro = "percent" }
[table.values]
"A net" = [71.5, 28.76]
"""


def own(tmp_path, text, name="mine"):
    folder = tmp_path / "reported"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    numbers, faults = reported.load(tmp_path)
    return [n for n in numbers if n.source == name], faults


def test_every_shipped_file_is_without_fault():
    assert reported.check() == []


def test_every_shipped_file_holds_figures_with_source_metric_split_and_trust():
    numbers, _ = reported.load()
    assert {n.source for n in numbers} == {
        p.stem for p in shipped("results/reported").glob("*.toml")
    }
    assert len({n.key for n in numbers}) == len(numbers) > 1000
    for n in numbers:
        assert n.url.startswith("https://")
        assert all((n.title, n.authors, n.place, n.split, n.task, n.entry, n.inputs))
        assert n.trust == "reported"
        known = scale(n.metric)
        assert known.low <= n.value <= known.high
        assert math.isfinite(n.published)
        assert n.published == pytest.approx(n.value * (100 if n.published_unit == "percent" else 1))


def test_labels_of_known_tasks_are_their_classes():
    numbers, _ = reported.load()
    for n in numbers:
        if n.label and n.task in tasks.names():
            assert n.label in tasks.load(n.task).classes


def test_numbers_read_as_they_were_printed():
    """One figure of each publication, as a reader finds it there."""
    numbers, _ = reported.load()
    found = {
        (n.source, n.task, n.entry, f"{n.metric}_{n.average}", n.setting, n.label): n.published
        for n in numbers
    }

    def printed(source, task, entry, metric, setting="", label=""):
        return found[source, task, entry, metric, setting, label]

    card = "version 0.2.0, seed 42, 23 epochs"
    assert printed("bigearthnet-v2-cards", "reben-mlc", "resnet50", "ap_macro", card) == 0.628376
    clip = "RemoteCLIP ViT-L-14"
    assert printed("remoteclip", "rsitmd-retrieval", clip, "recall_mean") == 50.52
    assert printed("remoteclip", "rsicd-retrieval", clip, "recall_at_5_t2i") == 39.93
    assert printed("remoteclip", "whu-rs19-zeroshot", clip, "accuracy_micro") == 94.66
    fused, pairs = "TFF (text-ITSR)", "levir-cc-retrieval"
    assert printed("bitemporal-fusion", pairs, fused, "meteor_retrieved", "all pairs") == 0.310
    crops = "pastis-crop-mapping"
    assert printed("tsvit", crops, "TSViT", "iou_macro", "fold 1") == 65.1
    assert printed("tsvit", crops, "TSViT", "iou_macro", "mean of five folds") == 65.4
    spectra = "hyspecnet-compression"
    assert printed("hycot", spectra, "hycot_cr4", "psnr_samples", "easy split") == 56.29
    fields = "eoekoland-crop-mapping"
    assert printed("mmtsvit-thesis", fields, "SCT Fusion", "recall_classes", "", "Hops") == 97.71
    area = "magicbathy-bathymetry-puck-lagoon"
    assert printed("ocean-foundation-models", area, "Baseline", "rmse_pixels") == 0.907


def test_percent_becomes_the_fraction_a_reader_expects(tmp_path):
    numbers, faults = own(tmp_path, WHOLE)
    assert faults == []
    assert [(n.metric, n.average, n.value, n.published) for n in numbers] == [
        ("ap", "macro", 0.715, 71.5),
        ("f1", "macro", 0.2876, 28.76),
    ]


def test_columns_are_tasks_then_metrics_then_labels(tmp_path):
    text = WHOLE.replace('["reben-mlc"]', '["a", "b"]').replace(
        "[71.5, 28.76]", "[1, 2, 3, 4]\n[table.std]\n'A net' = [0.1, 0.2, 0.3, 0.4]"
    )
    numbers, _ = own(tmp_path, text)
    assert [(n.task, n.metric, n.published, n.std) for n in numbers] == [
        ("a", "ap", 1, 0.001),
        ("a", "f1", 2, 0.002),
        ("b", "ap", 3, 0.003),
        ("b", "f1", 4, 0.004),
    ]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('url = "https://arxiv.org/abs/2401.00001"', "", "url: Field required"),
        ('"https://arxiv.org', '"javascript:alert(1)//', "url"),
        ('authors = "A, B"', "", "authors: Field required"),
        ('trust = "reported"', "", "trust: Field required"),
        ('trust = "reported"', 'trust = "rerun"', "trust: Input should be 'reported'"),
        ('split = "test"', "", "split: Field required"),
        ('where = "Table 1"', "", "where: Field required"),
        ("ap_macro", "beauty_macro", "unknown metric 'beauty'"),
        ('ap_macro = "percent"', 'ap_macro = "dB"', "given in 'dB', expected 'fraction'"),
        ("71.5", "nan", "finite"),
        ("71.5", "inf", "finite"),
        ("71.5", "171.5", "'A net': ap_macro can't be 171.5"),
        ("71.5", "-1", "can't be -1"),
        ("71.5, 28.76", "71.5", "has 1 values, expected 2"),
        ('["reben-mlc"]', '["a", "a"]', "two columns of a table are the same"),
        ('title = "A paper"', 'title = "A paper"\nscore = 9', "Extra inputs are not permitted"),
        ('"A net" = [71.5, 28.76]', "", "values"),
        ("[table.values]", 'labels = ["x", "y"]\n[table.values]', "a metric of classes has labels"),
        ("[table.values]", '[table.std]\n"B" = [1, 2]\n[table.values]', "no value beside it"),
        ("[[table]]", "[[table", "Expected"),
    ],
)
def test_a_figure_without_what_it_needs_is_refused(tmp_path, old, new, fault):
    assert old in WHOLE
    numbers, faults = own(tmp_path, WHOLE.replace(old, new))
    assert numbers == []
    assert len(faults) == 1
    assert "mine.toml" in faults[0]
    assert fault in faults[0]


def test_a_figure_that_stands_there_twice_is_named(tmp_path):
    table = WHOLE[WHOLE.index("[[table]]") :]
    _, faults = own(tmp_path, WHOLE + table.replace("Table 1", "Table 2"))
    assert len(faults) == 2
    assert "'A net', ap_macro of reben-mlc stands there twice" in faults[0]


def test_a_file_of_another_sources_name_and_a_huge_one_are_refused(tmp_path, monkeypatch):
    assert "another source has this name" in own(tmp_path, WHOLE, "remoteclip")[1][0]
    monkeypatch.setattr("bench.base.bounded_toml.MAX_BYTES", 100)
    assert any("mine.toml: expected at most 100 bytes" in f for f in own(tmp_path, WHOLE)[1])


def test_deeply_nested_and_binary_files_are_faults_not_crashes(tmp_path):
    assert own(tmp_path, "a = " + "[" * 100_000)[1]
    (tmp_path / "reported" / "mine.toml").write_bytes(b"\xff\x00")
    assert len(reported.check(tmp_path)) == 1


def test_what_only_looks_like_a_file_stops_nothing(tmp_path):
    own(tmp_path, WHOLE)
    folder = tmp_path / "reported"
    (folder / "folder.toml").mkdir()
    (folder / "gone.toml").symlink_to(folder / "nowhere")
    (folder / "latin.toml").write_bytes(b"title = '\xe9'")
    run, *_ = fabricate(tmp_path, "a")
    store.record(tmp_path, run)
    assert stored(tmp_path, where="source = 'mine'") == [(2,)]
    assert len(reported.check(tmp_path)) == 1


def stored(results, what="count(*)", where="true"):
    with store.connect(results, write=False) as connection:
        return connection.execute(f"select {what} from reported where {where}").fetchall()


def test_the_database_holds_what_the_files_hold(tmp_path):
    shipped_numbers = len(reported.load()[0])
    run, *_ = fabricate(tmp_path, "a")
    store.record(tmp_path, run)
    assert stored(tmp_path) == [(shipped_numbers,)]
    own(tmp_path, WHOLE)
    store.record(tmp_path, run)
    assert stored(tmp_path) == [(shipped_numbers + 2,)]
    assert stored(tmp_path, "entry, value, trust, higher_is_better", "source = 'mine'") == [
        ("A net", 0.715, "reported", True),
        ("A net", 0.2876, "reported", True),
    ]
    own(tmp_path, WHOLE.replace("71.5", "72.5"))
    before = stored(tmp_path, "*")
    count, faults = store.rebuild(tmp_path)
    assert (count, faults) == (1, [])
    assert stored(tmp_path, "published", "source = 'mine' and metric = 'ap'") == [(72.5,)]
    assert len(stored(tmp_path, "*")) == len(before)


def test_a_bad_file_stops_no_recording_and_is_named_by_rebuild(tmp_path):
    own(tmp_path, WHOLE.replace("71.5", "nan"))
    run, *_ = fabricate(tmp_path, "a")
    store.record(tmp_path, run)
    assert stored(tmp_path, where="source = 'mine'") == [(0,)]
    count, faults = store.rebuild(tmp_path)
    assert count == 1
    assert "mine.toml" in faults[0]


def test_columns_of_the_table_are_the_fields_of_a_number(tmp_path):
    store.rebuild(tmp_path)
    with store.connect(tmp_path, write=False) as connection:
        names = [row[0] for row in connection.execute("describe reported").fetchall()]
    assert names == list(reported.Number.__dataclass_fields__)


def test_shipped_files_are_toml_in_utf8_with_a_final_newline():
    for path in shipped("results/reported").glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        assert text.endswith("\n")
        assert tomllib.loads(text)["table"]
