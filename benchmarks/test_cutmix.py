"""Label propagation beside the loop over images of the code it is from."""

import numpy as np
import pytest
import torch

from bench.kinds.multilabel import cutmix
from benchmarks.test_metrics import against

IMAGES, SIDE, CLASSES = 128, 120, 19
T_CAM, T_MAP = 0.1, 10


@pytest.mark.parametrize("target", [20, None], ids=["tables-once", "tables-each-time"])
def test_label_propagation(benchmark, target):
    rng = np.random.default_rng(0)
    # Smooth blobs, as enlarged explanations are; 120 x 120 x 19, channels last as in that code.
    coarse = torch.from_numpy(rng.normal(-0.2, 0.3, (IMAGES, CLASSES, 4, 4)).astype(np.float32))
    fine = torch.nn.functional.interpolate(
        coarse, size=(SIDE, SIDE), mode="bilinear", align_corners=False
    )
    maps = fine.permute(0, 2, 3, 1).contiguous()

    def tabled():
        return torch.from_numpy(np.stack([cutmix.tables(one) for one in (fine > T_CAM).numpy()]))

    tables = tabled()
    labels = (tables[..., -1, -1] > T_MAP).float()
    cut = cutmix.cuts(
        IMAGES,
        SIDE,
        SIDE,
        probability=1,
        smallest=0.1,
        largest=0.5,
        draw=torch.Generator().manual_seed(0),
    )

    def loop():
        binary = [one > T_CAM for one in maps]
        found = labels.clone()
        for i, donor in enumerate(cut.donors.tolist()):
            (top, left), (y, x) = cut.sources[i].tolist(), cut.targets[i].tolist()
            height, width = cut.sizes[i].tolist()
            mixed = binary[i].clone()
            crop = binary[donor][top : top + height, left : left + width]
            mixed[y : y + height, x : x + width] = crop
            found[i] = mixed.sum(dim=(0, 1)) > T_MAP
        return found

    about = "label propagation, batch of 128 with maps 120 x 120 x 19"
    found, expected = against(
        benchmark,
        lambda: cutmix.propagated(labels, tables if target else tabled(), cut, T_MAP),
        loop,
        rounds=(20, 2) if target else (2, 1),
        name=about if target else f"{about}, tables made anew",
        peer="per-image loop: threshold, paste, count",
        target=target or "-",
        limit="memory latency of 8 look-ups a label; tables are made when samples are read"
        if target
        else "running sums over 35 M pixels, which training does once for each sample read",
    )
    assert torch.equal(found, expected)
