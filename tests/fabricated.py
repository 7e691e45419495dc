"""Complete run folders that no model was needed for."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.results.runs import Run
from tests import run_json
from tests.results.test_store import manifest

CLASSES = 19


def fabricate(results, name, *, entry="e", track="sample", seed=0, score=0.5, **changes):
    """A run of reben-mlc with six samples, two in Portugal in winter, in two parts."""
    run = Run(results / "runs" / name)
    rng = np.random.default_rng(seed)
    samples = [f"s{i}" for i in range(6)]
    targets = rng.integers(0, 2, (6, CLASSES), np.uint8)
    logits = rng.normal(size=(6, CLASSES)).astype(np.float32)
    for part in range(2):
        rows = slice(3 * part, 3 * part + 3)
        columns = {"sample": samples[rows]}
        for key, values in (("targets", targets), ("logits", logits)):
            flat = pa.array(values[rows].reshape(-1))
            columns[key] = pa.FixedSizeListArray.from_arrays(flat, CLASSES)
        run.folder.mkdir(parents=True, exist_ok=True)
        run.write_part(part, pa.table(columns))
    countries = ["Portugal", "Portugal", "Portugal", "Austria", "Austria", "Finland"]
    seasons = ["winter", "winter", "summer", "winter", "summer", "autumn"]
    grouped = pa.table({"sample": samples, "country": countries, "season": seasons})
    pq.write_table(grouped, run.attributes_path())
    task = {"name": "reben-mlc", "version": 1, "digest": "d", "kind": "multilabel"}
    data = manifest(name)["data"] | {"samples": 6}
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
