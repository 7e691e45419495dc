"""Our metrics in other people's training: the very number that a task reports."""

import copy
import doctest
import importlib
import math
import pickle
import subprocess
import sys
import warnings
from multiprocessing import get_context

import numpy as np
import pytest

from bench.base import torch_setup  # noqa: F401

# isort: split
import lightning
import torch
import torchmetrics
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics.image import SpectralAngleMapper

from bench.base.errors import BenchError, RequestError
from bench.metrics import torchmetrics as logged
from tests import pages
from tests.metrics.gathered import process
from tests.metrics.logged import CASES, labelled, maps

pytestmark = pytest.mark.filterwarnings("ignore:The ``compute`` method of metric")


@pytest.fixture(scope="module", params=CASES)
def case(request):
    return CASES[request.param]()


def updated(metric, batches):
    for batch in batches:
        metric.update(*batch)
    return metric


def assert_reported(found, case):
    """Equal to the last bit."""
    assert list(found) == case.names
    for name, value in found.items():
        assert value.dtype == torch.float64
        expected = np.asarray(case.reported[name], np.float64).squeeze()
        np.testing.assert_array_equal(value.numpy(), expected, err_msg=name)


def test_values_are_those_that_the_task_reports(case):
    assert_reported(updated(case.metric(), case.batches).compute(), case)
    assert any(np.isfinite(case.reported[name]).all() for name in case.names)


def test_called_batch_by_batch_it_gives_their_values_and_in_the_end_that_of_all(case):
    metric = case.metric()
    for batch in case.batches:
        of_batch = metric(*batch)
        alone = updated(case.metric(), [batch]).compute()
        for name in case.names:
            assert torch.equal(of_batch[name].nan_to_num(7), alone[name].nan_to_num(7))
    assert_reported(metric.compute(), case)


def test_reset_forgets_everything(case):
    metric = updated(case.metric(), case.batches[::-1])
    metric.compute()
    metric.reset()
    assert_reported(updated(metric, case.batches).compute(), case)


def test_merged_states_are_those_of_all_samples(case):
    first = updated(case.metric(), case.batches[:1])
    first.merge_state(updated(case.metric(), case.batches[1:]))
    # The merged state comes first.
    assert_reported(first.compute(), case._replace(reported=_of(case, [1, 2, 0])))


def _of(case, order):
    found = updated(case.metric(), [case.batches[index] for index in order]).compute()
    return {name: value.numpy() for name, value in found.items()}


def test_one_name_gives_a_tensor_and_copies_go_on_by_themselves(case):
    name = case.names[0]
    metric = updated(case.make(names=name), case.batches[:2])
    again = pickle.loads(pickle.dumps(metric))
    other = copy.deepcopy(metric)
    metric.reset()
    for one in (again, other):
        value = updated(one, case.batches[2:]).compute()
        assert_reported({name: value}, case._replace(names=[name]))


def test_the_samples_of_a_batch_stay_what_they_were(case):
    metric = case.metric()
    for batch in case.batches:
        own = copy.deepcopy(batch)
        metric.update(*own)
        for value in own:
            if isinstance(value, torch.Tensor):
                value.zero_()
    assert_reported(metric.compute(), case)


def test_states_are_of_types_that_every_device_has(case):
    metric = updated(case.metric(), case.batches)
    for state in metric.metric_state.values():
        for part in state if isinstance(state, list) else [state]:
            assert part.dtype != torch.float64
            assert not part.requires_grad


def test_states_reset_in_inference_mode_are_updated_out_of_it(case):
    metric = case.metric()
    with torch.inference_mode():
        updated(metric, case.batches).compute()
        metric.reset()
    assert_reported(updated(metric, case.batches).compute(), case)


def test_processes_gather_what_each_has_seen(tmp_path):
    cases = [make() for make in CASES.values()]
    given, expected = [], []
    for case in cases:
        shares = ([case.batches[0], case.batches[2]], [case.batches[1]])
        given += [(case.metric(), shares), (case.metric(), (case.batches, []))]
        expected += [_of(case, [0, 2, 1]), case.reported]
    other = get_context("spawn").Process(target=process, args=(1, 2, tmp_path, given))
    other.start()
    process(0, 2, tmp_path, given)
    other.join(60)
    assert other.exitcode == 0
    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    for place, wanted in enumerate(expected):
        case = cases[place // 2]._replace(reported=wanted)
        counts = [rank[place][1] for rank in ranks]
        assert (counts[1] == 0) == bool(place % 2)
        for rank in ranks:
            assert_reported(rank[place][0], case)


def test_without_samples_there_is_no_value(case):
    with warnings.catch_warnings(), pytest.raises(BenchError, match="has seen no sample"):
        warnings.simplefilter("ignore")
        case.metric().compute()


def test_a_name_that_is_unknown_is_refused_with_the_nearest(case):
    with pytest.raises(RequestError, match=f"did you mean {case.names[0]}"):
        case.make(names=case.names[0] + "x")
    with pytest.raises(RequestError, match="expected the name of a metric, found none"):
        case.make(names=[])


def test_collections_and_directions():
    metric = logged.DepthScores(["rmse_pixels", "r2_pixels"])
    assert metric.higher_is_better is None
    assert logged.DepthScores("rmse_pixels").higher_is_better is False
    assert logged.MultilabelScores(3).higher_is_better is True


def test_a_collection_holds_them_beside_others_and_never_mixes_up_thresholds():
    logits, labels = labelled()
    collection = torchmetrics.MetricCollection(
        {
            "ours": logged.MultilabelScores(19, ["ap_macro", "f1_micro"]),
            "strict": logged.MultilabelScores(19, "f1_macro", threshold=0.4),
            "usual": logged.MultilabelScores(19, "f1_macro"),
            "theirs": torchmetrics.classification.MultilabelF1Score(19, average="micro"),
        },
        prefix="val/",
    )
    # So far both thresholds decide alike.
    collection.update(torch.where(labels > 0, 5.0, -5.0)[:4], labels[:4].int())
    collection.update(logits, labels.int())
    found = collection.compute()
    assert sorted(found) == [
        "val/ap_macro",
        "val/f1_micro",
        "val/strict",
        "val/theirs",
        "val/usual",
    ]
    assert found["val/f1_micro"].item() == pytest.approx(found["val/theirs"].item(), abs=1e-6)
    assert found["val/strict"] != found["val/usual"]


class Trained(lightning.LightningModule):
    """Logs one metric by itself and two as a dictionary, as Lightning's users do."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(19, 19)
        self.one = logged.MultilabelScores(19, "ap_macro")
        self.two = logged.MultilabelScores(19, ["f1_macro", "ap_micro"])

    def training_step(self, batch, index):
        return self.head(batch[0]).square().mean()

    def validation_step(self, batch, index):
        self.one.update(*batch)
        self.log("val/ap", self.one, on_epoch=True)
        self.two.update(*batch)

    def on_validation_epoch_end(self):
        self.log_dict(self.two.compute())
        self.two.reset()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def test_lightning_logs_them(tmp_path):
    logits, labels = labelled()
    loader = DataLoader(TensorDataset(logits, labels), batch_size=7, num_workers=0)
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(Trained(), loader, loader)
    case = CASES["multilabel"]()
    found = {name: value.item() for name, value in trainer.callback_metrics.items()}
    for name, metric in (("val/ap", "ap_macro"), ("f1_macro",) * 2, ("ap_micro",) * 2):
        assert found[name] == pytest.approx(float(case.reported[metric]), abs=1e-7)


@pytest.fixture(scope="module")
def every_class():
    """Logits in few steps and labels, of every class some and not all."""
    rng = np.random.default_rng(8)
    labels = (rng.random((60, 6)) < 0.4).astype(np.int64)
    logits = rng.normal(size=labels.shape) + labels
    return torch.from_numpy(logits.astype(np.float32)), torch.from_numpy(labels)


@pytest.mark.parametrize("average", ["macro", "micro", "classes"])
@pytest.mark.parametrize(
    ("name", "theirs", "arguments"),
    [
        ("ap", "AveragePrecision", {}),
        ("auroc", "AUROC", {}),
        ("f1", "F1Score", {}),
        ("f2", "FBetaScore", {"beta": 2.0}),
        ("precision", "Precision", {}),
        ("recall", "Recall", {}),
        ("specificity", "Specificity", {}),
        ("accuracy", "Accuracy", {}),
    ],
)
def test_multilabel_metrics_are_those_of_torchmetrics(
    name, theirs, arguments, average, every_class
):
    made = getattr(torchmetrics.classification, f"Multilabel{theirs}")
    peer = made(num_labels=6, average={"classes": "none"}.get(average, average), **arguments)
    ours = logged.MultilabelScores(6, f"{name}_{average}")
    for metric in (peer, ours):
        metric.update(*every_class)
    np.testing.assert_allclose(ours.compute().numpy(), peer.compute().numpy(), atol=1e-6)


def test_an_absent_class_is_left_out_where_torchmetrics_counts_it_as_zero(every_class):
    logits, labels = every_class[0], every_class[1].clone()
    labels[:, 2] = 0
    ours = logged.MultilabelScores(6, ["f1_macro", "f1_classes"])
    peer = torchmetrics.classification.MultilabelF1Score(6, average="none")
    for metric in (ours, peer):
        metric.update(logits, labels)
    found, theirs = ours.compute(), peer.compute()
    assert torch.isnan(found["f1_classes"][2])
    assert theirs[2] == 0
    kept = [0, 1, 3, 4, 5]
    assert found["f1_macro"].item() == pytest.approx(theirs[kept].mean().item(), abs=1e-6)


def test_large_logits_stay_apart_that_a_sigmoid_ties():
    logits = torch.tensor([[30.0, 1.0], [20.0, 2.0], [25.0, 3.0]])
    labels = torch.tensor([[1, 0], [0, 1], [1, 1]])
    ours = logged.MultilabelScores(2)
    peer = torchmetrics.classification.MultilabelAveragePrecision(2)
    for metric in (ours, peer):
        metric.update(logits, labels)
    assert ours.compute() == 1
    assert peer.compute() < 1


def test_doubles_are_kept_where_asked_for_and_else_refused():
    close = torch.tensor([[0.5], [0.5 + 1e-12]], dtype=torch.float64)
    labels = torch.tensor([[0], [1]])
    with pytest.raises(BenchError, match=r"at most 32 bits.*dtype=torch.float64"):
        logged.MultilabelScores(1).update(close, labels)
    metric = logged.MultilabelScores(1, dtype=torch.float64)
    metric.update(close, labels)
    assert metric.compute() == 1
    assert updated(logged.MultilabelScores(1), [(close.half(), labels)]).compute() == 0.5


def test_segmentation_metrics_are_those_of_torchmetrics():
    generator = torch.Generator().manual_seed(9)
    true = torch.randint(0, 5, (6, 8, 8), generator=generator)
    logits = torch.randn(6, 5, 8, 8, generator=generator)
    logits = logits.scatter_add(1, true[:, None], torch.full((6, 1, 8, 8), 1.5))
    true[torch.rand(true.shape, generator=generator) < 0.1] = -100
    of = torchmetrics.classification
    theirs = {
        "iou_macro": of.MulticlassJaccardIndex(5, ignore_index=-100),
        "iou_classes": of.MulticlassJaccardIndex(5, average="none", ignore_index=-100),
        "f1_macro": of.MulticlassF1Score(5, ignore_index=-100),
        "f1_classes": of.MulticlassF1Score(5, average="none", ignore_index=-100),
        "recall_macro": of.MulticlassAccuracy(5, ignore_index=-100),
        "accuracy_micro": of.MulticlassAccuracy(5, average="micro", ignore_index=-100),
        "kappa_micro": of.MulticlassCohenKappa(5, ignore_index=-100),
    }
    ours = logged.SegmentationScores(5, list(theirs), ignore_index=-100)
    for metric in (ours, *theirs.values()):
        metric.update(logits, true)
    for name, value in ours.compute().items():
        np.testing.assert_allclose(value, theirs[name].compute(), atol=1e-6, err_msg=name)


def test_depth_errors_are_those_of_torchmetrics():
    generator = torch.Generator().manual_seed(10)
    true = 20 * torch.rand(4, 9, 9, generator=generator)
    guess = true + torch.randn(true.shape, generator=generator)
    theirs = {
        "rmse_pixels": torchmetrics.MeanSquaredError(squared=False),
        "mae_pixels": torchmetrics.MeanAbsoluteError(),
        "r2_pixels": torchmetrics.R2Score(),
    }
    ours = logged.DepthScores(list(theirs))
    ours.update(guess, true)
    for name, metric in theirs.items():
        metric.update(guess.flatten(), true.flatten())
        assert ours.compute()[name].item() == pytest.approx(metric.compute().item(), rel=1e-5)


def test_accuracy_is_that_of_torchmetrics_but_for_ties():
    generator = torch.Generator().manual_seed(11)
    labels = torch.randint(0, 4, (50,), generator=generator)
    scores = torch.randn(50, 4, generator=generator) + torch.eye(4)[labels]
    theirs = {
        "accuracy_micro": torchmetrics.classification.MulticlassAccuracy(4, average="micro"),
        "accuracy_macro": torchmetrics.classification.MulticlassAccuracy(4, average="macro"),
        "accuracy_classes": torchmetrics.classification.MulticlassAccuracy(4, average="none"),
    }
    ours = logged.AccuracyScores(4, list(theirs))
    for metric in (ours, *theirs.values()):
        metric.update(scores, labels)
    for name, value in ours.compute().items():
        np.testing.assert_allclose(value, theirs[name].compute(), atol=1e-6, err_msg=name)
    level = torch.zeros(3, 4), torch.zeros(3, dtype=torch.int64)
    assert updated(logged.AccuracyScores(4), [level]).compute() == 0
    assert updated(theirs["accuracy_micro"].clone(), [level]).compute() > 0


def test_federated_f1_is_that_of_torchmetrics(every_class):
    theirs = torchmetrics.classification.MultilabelF1Score(6, average="weighted")
    ours = logged.FederatedScores(6)
    for metric in (ours, theirs):
        metric.update(*every_class)
    assert ours.compute().item() == pytest.approx(theirs.compute().item(), abs=1e-6)


def test_decoded_images_are_scored_as_torchmetrics_scores_them():
    generator = torch.Generator().manual_seed(12)
    images = torch.rand(3, 4, 24, 20, generator=generator)
    made = (images + 0.1 * torch.randn(images.shape, generator=generator)).clamp(0, 1)
    of = torchmetrics.image
    theirs = {
        "pooled_psnr_points": of.PeakSignalNoiseRatio(data_range=1.0),
        "psnr_points": of.PeakSignalNoiseRatio(
            data_range=1.0, reduction="elementwise_mean", dim=(1, 2, 3)
        ),
        "sa_points": of.SpectralAngleMapper(),
    }
    ours = logged.CompressionScores([*theirs, "ssim_points"], num_channels=4)
    for metric in (ours, *theirs.values()):
        metric.update(made, images)
    found = ours.compute()
    for name, metric in theirs.items():
        value = metric.compute().item()
        value = math.degrees(value) if name == "sa_points" else value
        assert found[name].item() == pytest.approx(value, rel=1e-4), name
    _, windows = torchmetrics.functional.structural_similarity_index_measure(
        made, images, data_range=1.0, return_full_image=True
    )
    within = windows[..., 5:-5, 5:-5].mean().item()
    assert found["ssim_points"].item() == pytest.approx(within, abs=1e-6)
    assert abs(windows.mean().item() - within) > 1e-5


def test_a_lost_spectrum_is_at_a_right_angle_where_torchmetrics_has_nan():
    images = torch.rand(1, 3, 12, 12)
    made = images.clone()
    made[:, :, 0, 0] = 0
    ours, theirs = logged.CompressionScores("sa_points", num_channels=3), SpectralAngleMapper()
    for metric in (ours, theirs):
        metric.update(made, images)
    assert ours.compute().item() == pytest.approx(90 / 144)
    assert torch.isnan(theirs.compute())


def test_recall_is_the_hit_rate_of_torchmetrics():
    generator = torch.Generator().manual_seed(13)
    images = torch.randn(12, 8, generator=generator)
    texts = images.repeat_interleave(2, 0) + torch.randn(24, 8, generator=generator)
    owner = torch.arange(12).repeat_interleave(2)
    captions = [[f"{image} one", f"{image} two"] for image in range(12)]
    scores = torch.nn.functional.normalize(images) @ torch.nn.functional.normalize(texts).T
    relevant = torch.arange(12)[:, None] == owner
    ours = logged.RetrievalScores(["recall_at_5_i2t", "recall_at_5_t2i"])
    found = updated(ours, [(images, texts, captions)]).compute()
    for way, (s, r) in {"i2t": (scores, relevant), "t2i": (scores.T, relevant.T)}.items():
        peer = torchmetrics.retrieval.RetrievalHitRate(top_k=5)
        queries = torch.arange(len(s))[:, None].expand_as(s)
        peer.update(s.flatten(), r.flatten(), indexes=queries.flatten())
        assert found[f"recall_at_5_{way}"].item() == pytest.approx(peer.compute().item())


def test_bleu_of_plain_words_is_that_of_torchmetrics():
    said = ["a green lake near a road", "many trees are near the lake"]
    people = [["a lake near a wide road", "green water"], ["many trees are near a lake"]]
    theirs = torchmetrics.text.BLEUScore(n_gram=2)
    ours = logged.CaptionScores("bleu2_corpus")
    for metric in (ours, theirs):
        metric.update(said, people)
    assert ours.compute().item() == pytest.approx(theirs.compute().item(), abs=1e-6)


def test_rouge_of_the_package_is_that_of_torchmetrics():
    *_, (said, people) = CASES["captioning"]().batches
    keys = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l_f": "rougeL"}
    theirs = torchmetrics.text.ROUGEScore(rouge_keys=tuple(keys.values()), accumulate="best")
    ours = logged.CaptionScores([f"{name}_corpus" for name in keys])
    for metric in (ours, theirs):
        metric.update(said, people)
    found, expected = ours.compute(), theirs.compute()
    for name, key in keys.items():
        value = expected[f"{key}_fmeasure"].item()
        assert found[f"{name}_corpus"].item() == pytest.approx(value, abs=1e-6)


NAN = torch.tensor([[math.nan, 0.0]])


@pytest.mark.parametrize(
    ("metric", "given", "message"),
    [
        (logged.MultilabelScores(2), (NAN, torch.ones(1, 2)), "without NaN, found 1 of 2"),
        (logged.MultilabelScores(2, "f1_macro"), (NAN, torch.ones(1, 2)), "without NaN"),
        (logged.MultilabelScores(2), (torch.ones(1, 2), torch.full((1, 2), 0.5)), "found 0.5"),
        (logged.MultilabelScores(2), (torch.ones(1, 2).long(), torch.ones(1, 2)), "floating-point"),
        (logged.MultilabelScores(2), (torch.ones(1, 3), torch.ones(1, 3)), r"scores \[N, 2\]"),
        (logged.MultilabelScores(2), (torch.ones(2, 2), torch.ones(1, 2)), "of one shape"),
        (logged.FederatedScores(2, num_clients=2), (torch.ones(1, 2),) * 2, "the client of each"),
        (
            logged.FederatedScores(2, num_clients=2),
            (torch.ones(1, 2), torch.ones(1, 2), torch.tensor([2])),
            r"clients in \[0, 2\), found 2",
        ),
        (logged.AccuracyScores(2), (NAN, torch.zeros(1).long()), "without NaN"),
        (logged.AccuracyScores(2), (torch.ones(1, 2), torch.tensor([2])), r"in \[0, 2\), found 2"),
        (logged.AccuracyScores(2), (torch.ones(1, 2), torch.zeros(1)), "as integers"),
        (
            logged.SegmentationScores(2),
            (NAN.view(1, 2, 1, 1), torch.zeros(1, 1, 1).long()),
            "without NaN",
        ),
        (
            logged.SegmentationScores(2),
            (torch.zeros(1, 1, 1).long(), torch.full((1, 1, 1), 255)),
            r"targets in \[0, 2\), found 255",
        ),
        (
            logged.SegmentationScores(2, "ece_micro"),
            (torch.zeros(1, 1, 1).long(), torch.zeros(1, 1, 1).long()),
            r"ece_micro needs logits \[N, 2, H, W\], found torch.int64 \[1, 1, 1\]",
        ),
        (logged.DepthScores(), (NAN[None], torch.ones(1, 1, 2)), "without NaN"),
        (
            logged.DepthScores(),
            (torch.full((1, 1, 2), math.inf), torch.ones(1, 1, 2)),
            "expected finite predictions, found 2",
        ),
        (
            logged.RetrievalScores(),
            (NAN, torch.ones(1, 2), [["a"]]),
            "embeddings of images without NaN",
        ),
        (logged.RetrievalScores(), (torch.ones(1, 2), torch.ones(1, 2), [[]]), "at least one"),
        (logged.CaptionScores(), (["a"], ["a b"]), "a list of references"),
        (logged.CaptionScores(), (["a"], [[]]), "a list of references"),
        (logged.CaptionScores(), ([None], [["a"]]), "captions as text, found NoneType"),
        (logged.CaptionScores(), (["\ud800"], [["a"]]), "UTF-8"),
        (
            logged.CompressionScores(num_channels=1),
            (torch.full((1, 1, 12, 12), math.nan), torch.ones(1, 1, 12, 12)),
            "decoded images without NaN",
        ),
        (
            logged.CompressionScores("bpppc_points", num_channels=1),
            (torch.ones(1, 1, 12, 12), torch.ones(1, 1, 12, 12)),
            "bpppc_points needs the size of each stream",
        ),
        (
            logged.ConsistencyScores([1.0]),
            (torch.ones(1, 1, 2, 2), torch.ones(1, 1, 2, 2)),
            "of two dates or more",
        ),
    ],
)
def test_what_is_no_prediction_is_refused(metric, given, message):
    metric = metric.clone()
    with pytest.raises(BenchError, match=message):
        metric.update(*given)
    assert metric.samples == 0


def test_crops_and_curves_need_what_they_are_relative_to():
    with pytest.raises(RequestError, match="background="):
        logged.SegmentationScores(3, "iou_crops")
    with pytest.raises(RequestError, match=r"bpppc=\(from, to\)"):
        logged.CompressionScores("psnr_curve", num_channels=3)


def test_what_is_unknown_may_be_predicted_as_anything():
    metric = logged.DepthScores()
    true = torch.tensor([[[1.0, math.nan]]])
    metric.update(torch.tensor([[[3.0, math.nan]]]), true)
    assert metric.compute() == 2
    pixels = logged.SegmentationScores(2, "accuracy_micro", ignore_index=255)
    pixels.update(torch.tensor([[[1, 9]]]), torch.tensor([[[1, 255]]]))
    assert pixels.compute() == 1


def test_counts_need_no_memory_for_samples():
    logits, true = maps(5)
    counted = {
        logged.SegmentationScores(5, ["iou_macro", "kappa_micro"], ignore_index=255): (
            logits,
            true,
        ),
        logged.MultilabelScores(19, ["f1_macro", "recall_micro"]): labelled(),
        logged.CaptionScores("bleu4_corpus"): (["a lake"], [["a lake"]]),
    }
    for metric, batch in counted.items():
        metric.update(*batch)
        assert all(isinstance(state, torch.Tensor) for state in metric.metric_state.values())


@pytest.mark.parametrize("module", ["base", "labels", "maps", "images", "texts"])
def test_examples_print_what_they_say(module):
    found = importlib.import_module(f"bench.metrics.torchmetrics.{module}")
    examples = [test for test in doctest.DocTestFinder().find(found) if test.examples]
    named = [name for name in logged.__all__ if getattr(logged, name).__module__ == found.__name__]
    assert sorted(test.name.rpartition(".")[2] for test in examples) == sorted(named)
    assert doctest.testmod(found).failed == 0


def test_the_example_of_the_documentation_runs_and_its_table_names_every_class():
    (example,) = pages.blocks("docs/metrics.md", "python")
    found = {}
    exec(example, found)
    assert sorted(found["values"]) == ["ap_macro", "f1_micro"]
    rows = [cells[0].strip("`") for cells in pages.rows("docs/metrics.md")]
    assert {cell for cell in rows if cell.endswith("Scores")} == set(logged.__all__)


def test_metrics_by_themselves_import_no_torch():
    code = (
        "import sys, bench.metrics, bench.metrics.multilabel, bench.metrics.compression, "
        "bench.metrics.confusion, bench.metrics.depth, bench.metrics.deviation_ratios, "
        "bench.metrics.recalls; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
