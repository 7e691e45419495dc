"""What the names of metrics mean: unit, range and direction.

A metric is named ``<metric>_<average>``; the meaning belongs to ``<metric>``, whatever the average.
That of a plug-in's metric is a TOML file named after it, in the package that its entry point names:
it is read without running code of the plug-in, whoever's results name the metric.
"""

import functools
import math
import re
from dataclasses import dataclass

from bench.base import bounded_toml, plugins
from bench.base.errors import RequestError, unknown


@dataclass(frozen=True)
class Scale:
    """The scale a metric is stored on.

    Attributes:
        unit: ``fraction``, ``dB``, ``m``, ``bit`` ...; numbers published in percent are divided by
            100 to be fractions.
        low, high: what a value can be.
        higher_is_better: the direction.
        smooth: whether leaving out one sample of many moves it little, as it does a mean, and not a
            median or a maximum. Others have no interval.
    """

    __pydantic_config__ = {"extra": "forbid"}  # noqa: RUF012  of pydantic, for files of plug-ins

    unit: str
    low: float
    high: float
    higher_is_better: bool
    smooth: bool = True


_FRACTION = Scale("fraction", 0.0, 1.0, higher_is_better=True)
_GAIN = Scale("fraction", -1.0, 1.0, higher_is_better=True)
_FRACTIONS = (
    "ap auroc accuracy precision recall specificity f1 f2 iou bleu1 bleu2 bleu3 bleu4 meteor "
    "rouge_l rouge_l_f rouge_1 rouge_2 spice recall_at map_at mrr_at precision_at recall_mean "
    "sq rq pq accuracy_at"
)

_DEVIATION = Scale("deviation", 0.0, math.inf, higher_is_better=False)
_RATIO = Scale("ratio", 0.0, math.inf, higher_is_better=False)

_SCALES = {
    **dict.fromkeys(_FRACTIONS.split(), _FRACTION),
    "ap_gain": _GAIN,
    "accuracy_gain": _GAIN,
    "kappa": _GAIN,
    "ssim": _GAIN,
    "cider": Scale("score", 0.0, 10.0, higher_is_better=True),
    "psnr": Scale("dB", -math.inf, math.inf, higher_is_better=True),
    "pooled_psnr": Scale("dB", -math.inf, math.inf, higher_is_better=True),
    "band_psnr": Scale("dB", -math.inf, math.inf, higher_is_better=True),
    "sa": Scale("degree", 0.0, 180.0, higher_is_better=False),
    "cr": Scale("ratio", 0.0, math.inf, higher_is_better=True),
    "nominal_cr": Scale("ratio", 0.0, math.inf, higher_is_better=True),
    "nominal_bpppc": Scale("bit", 0.0, math.inf, higher_is_better=False),
    "bpppc": Scale("bit", 0.0, math.inf, higher_is_better=False),
    "error": Scale("fraction", 0.0, math.inf, higher_is_better=False),
    "rmse": Scale("m", 0.0, math.inf, higher_is_better=False),
    "mae": Scale("m", 0.0, math.inf, higher_is_better=False),
    "max_error": Scale("m", 0.0, math.inf, higher_is_better=False, smooth=False),
    "bias": Scale("m", -math.inf, math.inf, higher_is_better=False),
    "r2": Scale("fraction", -math.inf, 1.0, higher_is_better=True),
    "std": Scale("m", 0.0, math.inf, higher_is_better=False),
    "median_rank": Scale("place", 1.0, math.inf, higher_is_better=False, smooth=False),
    "ece": Scale("fraction", 0.0, 1.0, higher_is_better=False),
    "brier": Scale("score", 0.0, 2.0, higher_is_better=False),
    "nll": Scale("nat", 0.0, math.inf, higher_is_better=False),
    "aurc": Scale("fraction", 0.0, 1.0, higher_is_better=False),
    "seconds": Scale("s", 0.0, math.inf, higher_is_better=False),
    "rounds": Scale("round", 1.0, math.inf, higher_is_better=False, smooth=False),
    "macs": Scale("MAC", 0.0, math.inf, higher_is_better=False),
    "bytes": Scale("byte", 0.0, math.inf, higher_is_better=False),
    "parameters": Scale("parameter", 0.0, math.inf, higher_is_better=False),
    **dict.fromkeys(["s_noaug", "s_aug", "spread"], _DEVIATION),
    **dict.fromkeys(["ratio", "ratio_l2", "ratio_angle", "ratio_nearest", "ratio_z"], _RATIO),
    "consistent": _FRACTION,
}


def known(metric: str) -> Scale | None:
    """The scale of a metric, for what says so where it isn't known; nothing may be ranked then.

    Raises:
        RequestError: two plug-ins have this metric, or a plug-in's file is no scale.
        BenchError: a plug-in lacks the file.
    """
    name = re.sub(r"_at_\d+$", "_at", metric)
    if name in _SCALES:
        return _SCALES[name]
    plugin = plugins.find("metrics", name, _SCALES)
    return _declared(plugin) if plugin else None


def own() -> list[str]:
    """The names of the metrics that the harness has itself."""
    return sorted(_SCALES)


@functools.cache
def _declared(plugin: plugins.Plugin) -> Scale:
    from pydantic import TypeAdapter, ValidationError

    path = plugins.declaration(plugin)
    try:
        return TypeAdapter(Scale).validate_python(bounded_toml.read(path))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise RequestError(
            f"{path} is no scale: {where}: {first['msg']}",
            'write unit = "fraction", low = 0.0, high = 1.0, higher_is_better = true',
        ) from error


def scale(metric: str) -> Scale:
    """The scale of a metric, named without its average.

    Raises:
        RequestError: it isn't known here, so that nobody can tell whether a higher value is better.
    """
    found = known(metric)
    if found is None:
        raise unknown(
            "metric",
            metric,
            [*_SCALES, *plugins.offered("metrics", _SCALES)],
            "bench/metrics/scales.py lists their units and directions, "
            "and an entry point of the group rs_bench.metrics adds one",
        )
    return found


def direction(name: str) -> float:
    """1 where a higher value is better, -1 where a lower one is.

    Args:
        name: a metric with its average, such as ``rmse_pixels``.

    Raises:
        RequestError: the metric isn't known here.
    """
    return 1.0 if scale(name.rpartition("_")[0]).higher_is_better else -1.0
