"""Where in an image a classifier sees a class: explanation masks.

Source: R. R. Selvaraju et al., Grad-CAM, ICCV 2017, arXiv:1610.02391, as captum computes it. As a
source of positions for CutMix (see `bench.kinds.multilabel.cutmix`) without the final
rectification.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from bench.base import extras
from bench.base.errors import RequestError, unknown
from bench.kinds.common import returned

if TYPE_CHECKING:
    import torch


def explanations(
    network: torch.nn.Module, layer: str, images: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Grad-CAM of the classes that are there and that the classifier finds.

    Args:
        network: in evaluation mode, [N, channels, height, width] to logits [N, classes].
        layer: the dotted name of a convolution, for the resolution of the result.
        images: float32, on the device of the network.
        labels: whether each class occurs, [N, classes].

    Returns:
        float32 [N, classes, h, w] of the layer's size, not rectified; zero for a class that is
        absent from the labels or has a probability of 0.5 or less.

    Raises:
        RequestError: captum isn't installed, or the network has no such layer of images.
    """
    import torch

    attribution = extras.load("captum.attr", "explain", "computing explanation masks")
    modules = dict(network.named_modules())
    if layer not in modules:
        raise unknown("layer of the classifier", layer, filter(None, modules))
    outputs: list[torch.Tensor] = []
    watched = modules[layer].register_forward_hook(lambda of, given, found: outputs.append(found))
    with watched, torch.no_grad():
        logits = returned.tensor(
            network(images),
            labels.shape,
            [f"number {row + 1} of a batch" for row in range(len(images))],
            "logits",
            "a classifier that is explained returns one logit per image and class",
        )
    if not outputs or not isinstance(outputs[0], torch.Tensor) or outputs[0].ndim != 4:
        raise RequestError(
            f"layer {layer} of the classifier gives no images",
            "name a convolution, such as layer4.1.conv2 of a ResNet-18",
        )
    found = torch.zeros(*labels.shape, *outputs[0].shape[-2:], device=images.device)
    wanted = (logits > 0) & (labels > 0)
    method = attribution.LayerGradCam(network, modules[layer])
    with warnings.catch_warnings():
        # That images, of course, require no gradients.
        warnings.simplefilter("ignore")
        for index in wanted.any(dim=0).nonzero()[:, 0].tolist():
            rows = wanted[:, index].nonzero()[:, 0]
            maps = method.attribute(images[rows], target=index, relu_attributions=False)
            found[rows, index] = maps.detach()[:, 0]
    return found
