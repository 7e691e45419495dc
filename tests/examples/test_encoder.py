import numpy as np
import torch


def test_encoder(bench_with, sample_data):
    bench = bench_with("encoder", data=sample_data)
    model = "run --task reben-mlc --track sample -q --json --method ridge --model haar:"
    manifest = bench.in_process(f"{model}4").json()
    assert manifest["entry"]["encoder"]["architecture"] == "haar:4"
    # 120 px are no multiple of 16.
    assert manifest["entry"]["encoder"]["input"]["size"] == 128
    assert manifest["arithmetic"]["rs-bench-haar"] == "1.0"
    assert "haar:9 is no encoder" in bench.in_process(f"{model}9", code=2).stderr


def test_its_features(bench_with):
    bench_with("encoder")
    from rs_bench_haar import Haar

    images = torch.arange(2 * 3 * 8 * 8).float().reshape(2, 3, 8, 8) % 7
    grid = Haar(1).features(images, "map")
    assert grid.shape == (2, 12, 4, 4)
    np.testing.assert_allclose(grid[0, 9, 0, 0], images[0, 0, :2, :2].mean())
    (a, b), (c, d) = images[0, 0, :2, :2]
    np.testing.assert_allclose(grid[0, 0, 0, 0], (a + b - c - d).abs())
    torch.testing.assert_close(Haar(1).features(images, "pooled"), grid.mean(dim=(2, 3)))
