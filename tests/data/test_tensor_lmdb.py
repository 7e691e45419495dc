import gc
import json
import multiprocessing
import os
import pickle
import struct
import threading

import lmdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from safetensors.numpy import load

from bench.base.errors import BenchError
from bench.data.formats.tensor_lmdb import TensorStore, TensorWriter, encode


def patch(seed=0):
    generator = np.random.default_rng(seed)
    return {
        "B02": generator.integers(0, 10_000, (120, 120), np.uint16),
        "B05": generator.integers(0, 10_000, (60, 60), np.uint16),
        "VV": generator.normal(-12, 5, (120, 120)).astype(np.float32),
    }


def same(found, expected):
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


@pytest.fixture
def folder(tmp_path):
    with TensorWriter(tmp_path / "store") as writer:
        writer.put({f"patch {i}": encode(patch(i)) for i in range(3)})
    return tmp_path / "store"


def raw(tmp_path, blobs):
    """An environment with any bytes, written without this module."""
    environment = lmdb.open(str(tmp_path / "raw"))
    with environment.begin(write=True) as transaction:
        for key, blob in blobs.items():
            transaction.put(key, blob)
    environment.close()
    return TensorStore(tmp_path / "raw")


def test_what_is_written_is_read(folder):
    store = TensorStore(folder)
    assert list(store.names()) == ["patch 0", "patch 1", "patch 2"]
    for i in range(3):
        expected = patch(i)
        same(store.read(f"patch {i}", ["B02", "B05", "VV"]), expected)
        found = store.read(f"patch {i}")
        same({name: found[name] for name in expected}, expected)


def test_only_the_named_tensors_in_the_order_asked(folder):
    assert list(TensorStore(folder).read("patch 1", ["VV", "B02"])) == ["VV", "B02"]


@settings(max_examples=40, deadline=None)
@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
        arrays.arrays(
            st.sampled_from([np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64]),
            arrays.array_shapes(max_dims=3, max_side=6),
        ),
        min_size=1,
        max_size=5,
    ).filter(lambda tensors: "__metadata__" not in tensors)
)
def test_any_tensors_survive_and_the_library_reads_them(tmp_path_factory, tensors):
    folder = tmp_path_factory.mktemp("lmdb")
    blob = encode(tensors)
    with TensorWriter(folder) as writer:
        writer.put({"key": blob})
    found, reference = TensorStore(folder).read("key"), load(blob)
    assert set(found) == set(reference) == set(tensors)
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)
        np.testing.assert_array_equal(reference[name], array)


def test_arrays_outlive_the_store(folder):
    found = TensorStore(folder).read("patch 2")
    gc.collect()
    for i in range(50):
        TensorStore(folder).read(f"patch {i % 3}")
    expected = patch(2)
    same({name: found[name] for name in expected}, expected)
    with pytest.raises(ValueError, match="read-only"):
        found["B02"][0, 0] = 1


def test_two_stores_of_one_environment_live_side_by_side(folder):
    first, second = TensorStore(folder), TensorStore(folder / ".." / folder.name)
    same(first.read("patch 0"), second.read("patch 0"))


def test_a_replaced_environment_is_opened_afresh(folder):
    before = TensorStore(folder).read("patch 0", ["B02"])["B02"]
    folder.rename(folder.with_name("old"))
    with TensorWriter(folder) as writer:
        writer.put({"patch 0": encode(patch(7))})
    after = TensorStore(folder).read("patch 0", ["B02"])["B02"]
    np.testing.assert_array_equal(after, patch(7)["B02"])
    np.testing.assert_array_equal(before, patch(0)["B02"])


def _sum_in_child(store, results):
    results.put((os.getpid(), int(store.read("patch 1", ["B02"])["B02"].sum())))


@pytest.mark.parametrize(
    ("method", "opened_before"), [("fork", False), ("fork", True), ("spawn", True)]
)
def test_other_processes_read_too(folder, method, opened_before):
    store = TensorStore(folder)
    if opened_before:
        store.read("patch 1")
    context = multiprocessing.get_context(method)
    results = context.Queue()
    children = [context.Process(target=_sum_in_child, args=(store, results)) for _ in range(2)]
    for child in children:
        child.start()
    found = [results.get(timeout=60) for _ in children]
    for child in children:
        child.join()
    assert {total for _, total in found} == {int(patch(1)["B02"].sum())}
    assert os.getpid() not in {pid for pid, _ in found}


def test_threads_may_open_and_read_at_once(folder):
    stores = [TensorStore(folder) for _ in range(8)]
    barrier, totals = threading.Barrier(8), []

    def work(store):
        barrier.wait()
        totals.extend(int(store.read(f"patch {i % 3}")["B02"].sum()) for i in range(60))

    threads = [threading.Thread(target=work, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(totals) == 480
    assert set(totals) == {int(patch(i)["B02"].sum()) for i in range(3)}


def test_pickling_an_opened_store(folder):
    store = TensorStore(folder)
    store.read("patch 0")
    same(pickle.loads(pickle.dumps(store)).read("patch 0", list(patch())), patch(0))


def test_an_unknown_key_is_a_key_error(folder):
    with pytest.raises(KeyError):
        TensorStore(folder).read("patch 9")


def test_a_tensor_that_is_not_there_is_named(folder):
    with pytest.raises(BenchError, match=r"patch 0 in .*: it has no B99, but "):
        TensorStore(folder).read("patch 0", ["B99"])


HEADER = {"A": {"dtype": "U16", "shape": [2, 2], "data_offsets": [0, 8]}}


def blob_of(header, data=bytes(8)):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def changed(**entry):
    return blob_of({"A": {**HEADER["A"], **entry}})


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"\0\0\0",
        struct.pack("<Q", 1 << 62),
        struct.pack("<Q", 1 << 20) + bytes(1 << 21),
        blob_of(HEADER, bytes(7)),
        blob_of(b"{"),
        blob_of(b"[]"),
        blob_of(b"\xff\xfe"),
        blob_of(b'{"A":' * 100_000),
        blob_of({"A": 1}),
        changed(dtype="COMPLEX"),
        changed(dtype=3),
        changed(shape=[2, 3]),
        changed(shape=[-2, -2]),
        changed(shape=[2.0, 2]),
        changed(shape=[True, 4]),
        changed(shape=[1 << 62, 4]),
        changed(shape="22"),
        changed(data_offsets=[-8, 0]),
        changed(data_offsets=[0]),
        changed(data_offsets=[0, 9]),
        changed(data_offsets=[1 << 70, (1 << 70) + 8]),
    ],
)
def test_a_hostile_blob_gives_one_clear_error(tmp_path, blob):
    store = raw(tmp_path, {b"key": blob})
    with pytest.raises(BenchError, match=r"key in .*data\.mdb is damaged") as caught:
        store.read("key", ["A"])
    assert "\n" not in str(caught.value)


def test_metadata_of_a_blob_is_no_tensor(tmp_path):
    store = raw(tmp_path, {b"key": blob_of({"__metadata__": {"a": "b"}, **HEADER})})
    assert list(store.read("key")) == ["A"]


def test_no_environment_and_a_foreign_one(tmp_path):
    with pytest.raises(BenchError, match=r"could not open .*none/data\.mdb"):
        TensorStore(tmp_path / "none").read("key")
    (tmp_path / "data.mdb").write_bytes(bytes(20_000))
    with pytest.raises(BenchError, match=r"could not open .*data\.mdb"):
        TensorStore(tmp_path).read("key")


def test_a_truncated_environment_is_refused_before_it_is_mapped(folder):
    file = folder / "data.mdb"
    size = file.stat().st_size
    os.truncate(file, size - 4096)
    with pytest.raises(BenchError, match=f"truncated: expected {size} bytes, found {size - 4096}"):
        TensorStore(folder).read("patch 0")


def test_a_writer_goes_on_where_another_stopped(folder):
    with TensorWriter(folder) as writer:
        assert writer.names() == {"patch 0", "patch 1", "patch 2"}
        writer.put({"patch 3": encode(patch(3))})
    same(TensorStore(folder).read("patch 3", list(patch())), patch(3))
    assert len(list(TensorStore(folder).names())) == 4


def test_the_map_grows_as_needed(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.data.formats.tensor_lmdb._FIRST_SIZE", 1 << 16)
    with TensorWriter(tmp_path / "store") as writer:
        writer.put({f"patch {i:03}": encode(patch(i)) for i in range(40)})
    store = TensorStore(tmp_path / "store")
    assert len(list(store.names())) == 40
    same(store.read("patch 039", list(patch())), patch(39))


def test_a_batch_is_committed_whole_or_not_at_all(tmp_path):
    with TensorWriter(tmp_path / "store") as writer:
        with pytest.raises(BenchError, match="could not write") as caught:
            writer.put({"good": b"1", "x" * 600: b"2"})
        assert writer.names() == set()
    assert "repeat the command" in caught.value.hint


def test_a_full_disk_is_explained(tmp_path):
    resource = pytest.importorskip("resource")
    context = multiprocessing.get_context("fork")
    results = context.Queue()

    def fill():
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        try:
            with TensorWriter(tmp_path / "store") as writer:
                for i in range(40):
                    writer.put({f"patch {i}": encode(patch(i))})
        except BenchError as error:
            results.put(str(error))
        else:
            results.put("")

    child = context.Process(target=fill)
    child.start()
    message = results.get(timeout=60)
    child.join()
    assert "could not write" in message
    assert "free disk space" in message
    assert len(list(TensorStore(tmp_path / "store").names())) > 0


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BenchError, match="could not write"):
        TensorWriter(tmp_path / "file" / "store")


def test_the_official_environment_is_read_and_its_blobs_reproduced(real_data):
    folder = real_data / "reben" / "BigEarthNet_LMDB"
    store = TensorStore(folder)
    names = list(store.names())
    assert names == [
        "S1A_IW_GRDH_1SDV_20170613T165043_33UUP_70_48",
        "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP_75_43",
    ]
    tensors = {name: store.read(name) for name in names}
    content = (folder / "data.mdb").read_bytes()
    for name, expected in tensors.items():
        blob = encode(expected)
        assert len(blob) == {"S1": 115_344, "S2": 160_832}[name[:2]]
        assert content.count(blob) == 1
        same({band: load(blob)[band] for band in expected}, expected)
