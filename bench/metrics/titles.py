"""Names of scores in words: ``iou_macro`` is "mean IoU", in metres or not, higher or lower better.

A metric of a plug-in, or one that is not listed here, is called by its own name with spaces.
"""

from bench.metrics.scales import known

_METRICS = {
    **{name: name.upper() for name in ("ap", "rmse", "mae", "psnr", "ssim", "ece", "nll")},
    **{name: name.upper() for name in ("auroc", "aurc", "f1", "f2", "pq", "sq", "rq")},
    "iou": "IoU",
    **{f"bleu{order}": f"BLEU-{order}" for order in range(1, 5)},
    **{f"rouge_{kind}": f"ROUGE-{kind.upper()}" for kind in ("l", "1", "2")},
    "rouge_l_f": "ROUGE-L (F)",
    "meteor": "METEOR",
    "spice": "SPICE",
    "cider": "CIDEr-D",
    "sa": "spectral angle",
    "r2": "R²",
    "std": "standard deviation",
    "pooled_psnr": "pooled PSNR",
    "band_psnr": "PSNR of a band",
    "bpppc": "bits per pixel and channel",
    "nominal_bpppc": "nominal bits per pixel and channel",
    "cr": "compression ratio",
    "nominal_cr": "nominal compression ratio",
    "max_error": "largest error",
    "ap_gain": "gain in AP",
    "accuracy_gain": "gain in accuracy",
    "brier": "Brier score",
    "macs": "multiply-accumulates",
    "map_at": "mAP",
    "mrr_at": "MRR",
    "recall_at": "recall",
    "precision_at": "precision",
    "accuracy_at": "accuracy",
    "recall_mean": "mean recall",
    "s_noaug": "deviation without augmentation",
    "s_aug": "deviation with augmentation",
    "ratio": "ratio of deviations",
}

# What stands before and after the name of the metric; None where both stay empty.
_AVERAGES = {
    "macro": ("mean ", ""),
    "weighted": ("weighted ", ""),
    "classes": ("", " by class"),
    "crops": ("", " by crop"),
    "depths": ("", " by depth"),
    "points": ("", " by rate"),
    "curve": ("", ", mean over the curve"),
    "nominalcurve": ("", ", mean over the curve of nominal rates"),
    "t2i": ("", ", text to image"),
    "i2t": ("", ", image to text"),
    "actual": ("", " by rate"),
    "worst": ("worst ", ""),
    "samples": ("", ", mean over samples"),
    "retrieved": ("", " of what was retrieved"),
    "target": ("", " to the target"),
}
_SILENT = {"pixels", "corpus", "micro", "mean"}
_ALONE = {"accuracy", "kappa"}

_UNITS = {
    "m": "metres",
    "s": "seconds",
    "degree": "degrees",
    "bit": "bits",
    "nat": "nats",
    "byte": "bytes",
}
_PLAIN = {"fraction", "ratio", "score", "deviation", "place", "MAC", "parameter", "round"}


def title(name: str) -> str:
    """A score in words, such as "mean IoU" for ``iou_macro``.

    Args:
        name: of the metric, with its average.
    """
    metric, _, average = name.rpartition("_")
    if name in _METRICS:
        return _METRICS[name]
    if not metric:
        return name
    stem, at, place = metric.rpartition("_at_")
    if at and place.isdecimal():
        called = f"{_METRICS.get(f'{stem}_at', stem.replace('_', ' '))} at {place}"
    else:
        called = _METRICS.get(metric, metric.replace("_", " "))
    if average == "micro" and metric not in _ALONE:
        return f"micro {called}"
    if average in _SILENT:
        return called
    before, after = _AVERAGES.get(average, ("", f", {average}"))
    return f"{before}{called}{after}"


def unit(name: str) -> str:
    """The unit of a score in words; empty for fractions, counts and what isn't known here.

    Args:
        name: of the metric, with its average.
    """
    found = known(name.rpartition("_")[0])
    if found is None or found.unit in _PLAIN:
        return ""
    return _UNITS.get(found.unit, found.unit)


def meaning(name: str) -> str:
    """Unit and direction of a score in words, such as "metres, lower is better".

    Args:
        name: of the metric, with its average.
    """
    found = known(name.rpartition("_")[0])
    if found is None:
        return ""
    better = f"{'higher' if found.higher_is_better else 'lower'} is better"
    named = unit(name)
    return f"{named}, {better}" if named else better
