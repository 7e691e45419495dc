"""Complete run folders that no model was needed for."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.results.runs import Run
from tests import run_json
from tests.results.test_store import manifest

CLASSES = 19


def fabricate(results, name, *, entry="e", track="sample", seed=0, score=0.5, times=1, **changes):
    """A run of reben-mlc with six samples, two in Portugal in winter, or times as many."""
    run = Run(results / "runs" / name)
    rng = np.random.default_rng(seed)
    count = 6 * times
    samples = [f"s{i}" for i in range(count)]
    targets = rng.integers(0, 2, (count, CLASSES), np.uint8)
    logits = rng.normal(size=(count, CLASSES)).astype(np.float32)
    for part, rows in enumerate((slice(count // 2), slice(count // 2, count))):
        columns = {"sample": samples[rows]}
        for key, values in (("targets", targets), ("logits", logits)):
            flat = pa.array(values[rows].reshape(-1))
            columns[key] = pa.FixedSizeListArray.from_arrays(flat, CLASSES)
        run.folder.mkdir(parents=True, exist_ok=True)
        run.write_part(part, pa.table(columns))
    countries = ["Portugal", "Portugal", "Portugal", "Austria", "Austria", "Finland"]
    seasons = ["winter", "winter", "summer", "winter", "summer", "autumn"]
    grouped = {"sample": samples, "country": countries * times, "season": seasons * times}
    pq.write_table(pa.table(grouped), run.attributes_path())
    task = {"name": "reben-mlc", "version": 1, "digest": "d", "kind": "multilabel"}
    data = manifest(name)["data"] | {"samples": count}
    whole = {
        "data": data,
        "task": task | {"primary": "ap_macro", "file": ""},
        "entry": {"name": entry, "digest": "x", "weights_sha256": "w"},
        "track": track,
        "seed": seed,
        "parts": run.hashes(),
    }
    run_json.write(run, manifest(name, value=score, **(whole | changes)))
    return run, targets, logits
