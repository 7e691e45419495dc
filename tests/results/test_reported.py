import math
import tomllib

import pytest

from bench import kinds, models
from bench.base.paths import shipped
from bench.metrics import titles
from bench.metrics.scales import scale
from bench.models import entries
from bench.results import publications, reported, store
from bench.spec import task as tasks
from tests.fabricated import fabricate

WHOLE = """
title = "A paper"
authors = "A, B"
year = 2024
arxiv = "2401.00001"
url = "https://arxiv.org/abs/2401.00001"
trust = "reported"
complete = true
[[table]]
where = "Table 1"
tasks = ["reben-mlc"]
split = "test"
inputs = "sentinel-2-l2a"
metrics = { ap_macro = "percent", f1_macro = "percent" }
differs = "BigEarthNet v1.0"
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
        larger = {"percent": 100, "million": 1e-6}.get(n.published_unit, 1)
        assert n.published == pytest.approx(n.value * larger)


def test_every_shipped_number_belongs_to_a_task_or_is_related_to_one_with_a_reason():
    known = set(tasks.names())
    for n in reported.load()[0]:
        if n.related:
            assert n.task not in known
            assert n.why
        assert set(n.related or (n.task,)) <= known


def test_every_shipped_source_is_complete_or_says_what_it_leaves_out():
    for path in shipped("results/reported").glob("*.toml"):
        source = tomllib.loads(path.read_text(encoding="utf-8"))
        assert ("complete" in source) != ("leaves_out" in source), path.name


def test_every_shipped_number_has_its_metric_in_words():
    """Not the name of the metric with spaces for underscores, by which nobody is told anything."""
    plain = {"accuracy", "precision", "mean accuracy", "mean precision", "mean recall"}
    for name in {f"{n.metric}_{n.average}" for n in reported.load()[0]}:
        words = titles.title(name)
        assert "_" not in words, name
        assert words != name.replace("_", " ") or words in plain, name


def test_every_shipped_number_says_what_was_scored_and_fed():
    for n in reported.load()[0]:
        for text in (n.split, n.inputs):
            assert text == text.strip()
            assert text.lower() not in {"unknown", "none", "n/a", "?", "-"}, (n.source, text)


def test_every_shipped_table_says_what_differs_from_its_task():
    """Or that nothing is known to differ, which an empty text wouldn't tell."""
    for path in shipped("results/reported").glob("*.toml"):
        for table in tomllib.loads(path.read_text(encoding="utf-8"))["table"]:
            assert table.get("differs") or table.get("why"), (path.name, table["where"])


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
    size = "size of the fusion"
    assert printed("bitemporal-fusion", pairs, fused, "parameters_fusion", size) == 8.02
    assert printed("tsvit", "pastis24-crop-mapping", "TSViT", "iou_macro") == 65.1
    assert printed("tsvit", "pastis24-mean-of-folds", "TSViT", "iou_macro") == 65.4
    fifth = "pastis24-crop-mapping-fold5"
    assert printed("tsvit-checkpoints", fifth, "TSViT", "iou_macro") == 67.27
    assert printed("remoteclip", "ucm-retrieval", "FBCLM", "recall_mean") == 61.60
    assert printed("remoteclip", "rsitmd-retrieval", "DOVE", "recall_mean") == 38.70
    assert printed("remoteclip", "rsicd-retrieval", "KCR", "recall_mean") == 19.14
    best = "ViT-L-14 SkyCLIP-30, filtered by CLIP-laion-RS"
    assert printed("skyscript", "mean-of-seven-zeroshot", best, "accuracy_micro") == 60.69
    curated = "ViT-L-14 Curated captions"
    assert printed("skyscript", "aid-zeroshot", curated, "accuracy_micro") == 72.95
    changes = "levir-cc-captioning"
    assert printed("sen-change-captioning", changes, "SEN", "cider_corpus") == 136.02
    assert printed("sen-change-captioning", changes, "PSNet", "bleu4_corpus") == 62.11
    cost = "one communication round on V100-SXM2 32 GB"
    mixer = "FedAvg, MLP-Mixer"
    shared = "parameters_shared"
    assert printed("federated-transformers", "reben-federated", mixer, shared, cost) == 20.65
    gain = "gain over standard CutMix"
    mixed = "cutmix-label-propagation"
    high = "label propagation, high end"
    assert printed("label-propagation-cutmix", mixed, high, "ap_gain_macro", gain) == 4
    pretrained = "pretrained on GeoPlex"
    segmented = "pastis-hd-segmentation"
    assert printed("anysat", segmented, "AnySat", "iou_macro", pretrained) == 66.5
    frozen = "frozen encoder"
    tenth = "copernicus-bench-bigearthnet-s2"
    assert printed("copernicus-bench", tenth, "SoftCon ViT-B/14", "ap_micro", frozen) == 83.6
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


def test_hundreds_and_millions_become_the_number_a_reader_expects(tmp_path):
    text = WHOLE.replace("[71.5, 28.76]", "[136.02, 23.6]").replace(
        'ap_macro = "percent", f1_macro = "percent"',
        'cider_corpus = "percent", parameters_shared = "million"',
    )
    numbers, faults = own(tmp_path, text)
    assert faults == []
    assert [n.value for n in numbers] == [1.3602, 23_600_000]


def test_columns_are_tasks_then_metrics_then_labels(tmp_path):
    text = WHOLE.replace('["reben-mlc"]', '["reben-mlc", "reben-cutmix"]').replace(
        "[71.5, 28.76]", "[1, 2, 3, 4]\n[table.std]\n'A net' = [0.1, 0.2, 0.3, 0.4]"
    )
    numbers, _ = own(tmp_path, text)
    assert [(n.task, n.metric, n.published, n.std) for n in numbers] == [
        ("reben-mlc", "ap", 1, 0.001),
        ("reben-mlc", "f1", 2, 0.002),
        ("reben-cutmix", "ap", 3, 0.003),
        ("reben-cutmix", "f1", 4, 0.004),
    ]


RELATED = WHOLE.replace(
    'tasks = ["reben-mlc"]',
    'experiments = ["another-set"]\nrelated = "reben-mlc"\nwhy = "other images"',
)


def test_numbers_of_an_experiment_are_related_to_tasks_and_of_none(tmp_path):
    numbers, faults = own(tmp_path, RELATED)
    assert faults == []
    assert [(n.task, n.related, n.why) for n in numbers] == [
        ("another-set", ("reben-mlc",), "other images")
    ] * 2
    assert reported.of_task(numbers, "reben-mlc") == []
    assert reported.of_task(numbers, "another-set") == []
    assert reported.related_to(numbers, "reben-mlc") == numbers
    several = RELATED.replace('related = "reben-mlc"', 'related = ["reben-mlc", "reben-cutmix"]')
    numbers, _ = own(tmp_path, several)
    assert {n.related for n in numbers} == {("reben-mlc", "reben-cutmix")}


@pytest.mark.parametrize(
    ("text", "old", "new", "fault"),
    [
        (
            WHOLE,
            "reben-mlc",
            "reben-mcl",
            "Table 1: unknown task 'reben-mcl' (did you mean reben-mlc",
        ),
        (
            WHOLE,
            "reben-mlc",
            "reben-mcl",
            'stands under experiments, with related = "TASK" and why',
        ),
        (RELATED, '"reben-mlc"', '"reben-mcl"', "unknown task 'reben-mcl'"),
        (RELATED, "another-set", "reben-cutmix", "'reben-cutmix' is a task, not an experiment"),
        (RELATED, 'related = "reben-mlc"', "", "to which tasks they are related, and why"),
        (RELATED, 'why = "other images"', "", "to which tasks they are related, and why"),
        (WHOLE, "split", 'why = "of course"\nsplit', "said of experiments, not of tasks"),
        (WHOLE, "split", 'experiments = ["a"]\nsplit', "tasks, or experiments that are no tasks"),
        (WHOLE, 'tasks = ["reben-mlc"]', "", "tasks, or experiments that are no tasks"),
        (WHOLE, 'differs = "BigEarthNet v1.0"', "", "differs is missing; 'nothing that is known'"),
        (WHOLE, "complete = true", "", "complete = true, or in leaves_out what it leaves out"),
        (WHOLE, "complete = true", "complete = false", "complete: Input should be True"),
        (WHOLE, "complete", 'leaves_out = "rows"\ncomplete', "or in leaves_out what it leaves out"),
        (WHOLE, "complete", "best_shown = true\ncomplete", "that leaves something out"),
        (
            WHOLE,
            "complete = true",
            'leaves_out = "rows"\nbest_shown = ["eurosat"]',
            "best_shown names 'eurosat', of which no table is here",
        ),
    ],
)
def test_a_table_that_belongs_nowhere_or_hides_rows_is_refused(tmp_path, text, old, new, fault):
    assert old in text
    numbers, faults = own(tmp_path, text.replace(old, new))
    assert numbers == []
    assert len(faults) == 1
    assert "mine.toml" in faults[0]
    assert fault in faults[0]


def test_what_differs_in_nothing_is_told_from_what_nobody_looked_at(tmp_path):
    numbers, _ = own(tmp_path, WHOLE.replace("BigEarthNet v1.0", publications.NOTHING))
    assert {n.differs for n in numbers} == {""}


def test_a_source_that_leaves_rows_out_may_have_a_better_one(tmp_path):
    def best(text):
        return {n.task: n.best_shown for n in own(tmp_path, text)[0]}

    assert best(WHOLE) == {"reben-mlc": True}
    two = WHOLE.replace('["reben-mlc"]', '["reben-mlc", "reben-cutmix"]').replace(
        "71.5, 28.76", "1, 2, 3, 4"
    )
    some = two.replace("complete = true", 'leaves_out = "rows"')
    assert best(some) == {"reben-mlc": False, "reben-cutmix": False}
    looked = some.replace('leaves_out = "rows"', 'leaves_out = "rows"\nbest_shown = true')
    assert best(looked) == {"reben-mlc": True, "reben-cutmix": True}
    of_one = looked.replace("best_shown = true", 'best_shown = ["reben-mlc"]')
    assert best(of_one) == {"reben-mlc": True, "reben-cutmix": False}


def test_the_database_tells_related_numbers_and_what_is_left_out(tmp_path):
    own(tmp_path, RELATED.replace("complete = true", 'leaves_out = "two rows"'))
    run, *_ = fabricate(tmp_path, "a")
    store.record(tmp_path, run)
    asked = "task, related, why, leaves_out, best_shown"
    assert (
        stored(tmp_path, asked, "source = 'mine'")
        == [("another-set", ["reben-mlc"], "other images", "two rows", False)] * 2
    )


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
        ('["reben-mlc"]', '["reben-mlc", "reben-mlc"]', "two columns of a table are the same"),
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


def test_the_sizes_of_our_federated_networks_stand_beside_the_published_ones():
    """As the table says them."""
    task = tasks.load("reben-federated")
    numbers = reported.of_task(reported.load()[0], task.name)
    (said,) = {n.differs for n in numbers if n.metric == "parameters"}
    for name, shown in (
        ("resnet", "ResNet-50"),
        ("mixer", "MLP-Mixer"),
        ("convmixer", "ConvMixer"),
    ):
        entry = entries.baseline(f"{name}-fedavg-ds2-s2", task)
        network = models.build(entry, kinds.of(task).outputs())
        millions = sum(p.numel() for p in network.parameters()) / 1e6
        assert f"{millions:.2f} ({shown})" in said
