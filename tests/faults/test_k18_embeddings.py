"""Embeddings are taken where a user would else compute cosines and means of prompts alone."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from bench import kinds
from bench.base.errors import BenchError
from bench.evaluate import predictions
from bench.spec import task as tasks
from bench.spec.contract import InputPipeline
from tests.kinds.test_predicted import NAMES, SIDE, made, model_of
from tests.typed import Prompt


def embedded(case, sets=None):
    """What a user computes: an embedding of each picture, and of each sentence of some sets."""
    task, dataset, *_ = made(case)
    model, contract = model_of(task), task.input(task.inputs[0])
    pipeline = InputPipeline(contract.model_copy(update={"size": SIDE}), task.bands)
    named = kinds.of(task).sentences()
    sentences = [
        sentence for name in (sets or named) for several in named[name] for sentence in several
    ]
    sentences = list(dict.fromkeys(sentences))
    with torch.inference_mode():
        pictures = model.encode_image(kinds.of(task).load(dataset, pipeline, NAMES).inputs)
        texts = model.encode_text(sentences)
    return dict(zip([*NAMES, *sentences], [*pictures.numpy(), *texts.numpy()], strict=True))


def taken(case, path, rows):
    task, dataset, *_ = made(case)
    samples, vectors = zip(*rows, strict=True)
    vectors = [np.asarray(vector, np.float32) for vector in vectors]
    pq.write_table(pa.table({"sample": list(samples), "embedding": vectors}), path)
    return predictions.observations(path, task, dataset, NAMES)


@pytest.mark.parametrize("case", ["zeroshot", "several classes"])
def test_embeddings_come_to_what_a_run_observes(tmp_path, case):
    observed = made(case)[2].combine_chunks()
    rows = list(embedded(case).items())
    for order in (rows, rows[::-1]):
        assert taken(case, tmp_path / "p.parquet", order).equals(observed)
    # Whatever the norms are.
    scaled = [(name, 2.0 ** (row % 5) * vector) for row, (name, vector) in enumerate(rows)]
    assert taken(case, tmp_path / "p.parquet", scaled).equals(observed)
    assert predictions.samples(tmp_path / "p.parquet", made(case)[0]) == NAMES


def test_only_the_sets_that_are_given_are_scored(tmp_path):
    task, _, observed, _ = made("zeroshot")
    rows = embedded("zeroshot", ["remoteclip"])
    found = taken("zeroshot", tmp_path / "p.parquet", rows.items())
    whole, first = (kinds.of(task).measure(table) for table in (observed, found))
    assert set(whole) - set(first) == {"accuracy_skyscript"}
    assert first["accuracy_macro"] == whole["accuracy_macro"]


def without(rows, *names):
    return {name: vector for name, vector in rows.items() if name not in names}


PROMPT = "a satellite photo of airport."


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: without(rows, PROMPT), f"found 18: '{PROMPT}' is missing"),
        (lambda rows: {name: rows[name] for name in NAMES}, "found 0: 'a satellite"),
        (lambda rows: without(rows, "b"), "1 missing .first b"),
        (lambda rows: rows | {"a picture of nothing": rows["a"]}, "1 unknown"),
        (lambda rows: rows | {"c": rows["c"][1:]}, "found .* for 'c'"),
        (lambda rows: rows | {PROMPT: 0 * rows[PROMPT]}, f"only zeros for '{PROMPT}'"),
        (lambda rows: rows | {"d": 0 * rows["d"]}, "only zeros for 'd'"),
        (lambda rows: rows | {"d": rows["d"] * np.nan}, "embedding"),
    ],
)
def test_what_is_missing_or_nothing_is_named(tmp_path, spoil, said):
    rows = spoil(embedded("zeroshot", ["remoteclip"]))
    with pytest.raises(BenchError, match=said):
        taken("zeroshot", tmp_path / "p.parquet", rows.items())


def test_a_prompt_twice_is_named(tmp_path):
    rows = embedded("zeroshot", ["remoteclip"])
    with pytest.raises(BenchError, match="each prompt once"):
        taken("zeroshot", tmp_path / "p.parquet", [*rows.items(), (PROMPT, rows[PROMPT])])


def test_the_command_line_tells_of_embeddings(bench: Prompt):
    printed = bench.in_process("info whu-rs19-zeroshot --prompts").stdout.splitlines()
    task = tasks.load("whu-rs19-zeroshot")
    first = next(iter(kinds.of(task).sentences().values()))
    assert printed == [sentence for several in first for sentence in several]
    told = bench.in_process("info whu-rs19-zeroshot --prompts --json").json()
    assert list(told["prompts"]) == task.settings["prompts"]
    columns = bench.in_process("info whu-rs19-zeroshot --schema --json").json()["columns"]
    assert [column["column"] for column in columns] == ["sample", "similarities", "embedding"]
    assert "kind zeroshot" in bench.in_process("info rsicd-retrieval --prompts", 2).stderr
    shown = bench.in_process("info rsicd-retrieval --schema --json").json()["columns"]
    assert "equal captions" in shown[2]["about"]
