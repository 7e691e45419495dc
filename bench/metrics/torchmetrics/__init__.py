"""Metrics of this project as `torchmetrics.Metric`, to log in one's own training what is reported.

One class for each kind of task. Names are those of tasks, ``<metric>_<average>``: one name gives a
tensor, which Lightning's ``self.log`` takes, several give a dictionary of tensors, which
``self.log_dict`` takes and `torchmetrics.MetricCollection` unfolds. Values are float64 and equal to
the last bit to those that `bench score` finds for the same samples in the same order; another order
changes no more than the last digit of means. Whole numbers are added up over batches and processes,
and what follows from ranks or from sums of fractions is computed from what is kept of every sample.
What is kept, and where torchmetrics' own metrics of a like name are other quantities, each class
says.

Input may be on any device; states are on the metric's own, and values are computed on the
processor. They come as float32 where the metric's device has no float64 (MPS).

In training on several devices, Lightning's sampler repeats some samples so that every process has
equally many. They count twice, here as in every metric; ``Trainer(use_distributed_sampler=False)``
with a sampler of your own avoids that.
"""

# Before torchmetrics, which imports torchvision.
from bench.base import torch_setup  # noqa: F401

# isort: split
from bench.metrics.torchmetrics.images import CompressionScores, ConsistencyScores
from bench.metrics.torchmetrics.labels import AccuracyScores, FederatedScores, MultilabelScores
from bench.metrics.torchmetrics.maps import DepthScores, SegmentationScores
from bench.metrics.torchmetrics.texts import CaptionScores, RetrievalScores

__all__ = [
    "AccuracyScores",
    "CaptionScores",
    "CompressionScores",
    "ConsistencyScores",
    "DepthScores",
    "FederatedScores",
    "MultilabelScores",
    "RetrievalScores",
    "SegmentationScores",
]
