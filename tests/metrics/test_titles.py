import pytest

from bench.metrics.titles import meaning, title, unit
from bench.spec import task as tasks


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("ap_macro", "mean AP"),
        ("ap_micro", "micro AP"),
        ("accuracy_micro", "accuracy"),
        ("rmse_pixels", "RMSE"),
        ("rmse_depths", "RMSE by depth"),
        ("iou_macro", "mean IoU"),
        ("recall_at_10_t2i", "recall at 10, text to image"),
        ("recall_mean", "mean recall"),
        ("psnr_curve", "PSNR, mean over the curve"),
        ("bleu4_corpus", "BLEU-4"),
        ("water_share_lakes", "water share, lakes"),
        ("alone", "alone"),
    ],
)
def test_scores_in_words(name, wanted):
    assert title(name) == wanted


def test_unit_and_direction():
    assert meaning("rmse_pixels") == "metres, lower is better"
    assert meaning("ap_macro") == "higher is better"
    assert meaning("psnr_curve") == "dB, higher is better"
    assert unit("sa_points") == "degrees"
    assert (unit("nobody_knows"), meaning("nobody_knows")) == ("", "")


def test_no_task_ranks_by_a_name_that_nobody_says():
    for name in tasks.names():
        primary = tasks.load(name).primary
        assert "_" not in title(primary)
        assert title(primary) != primary
        assert "better" in meaning(primary)
