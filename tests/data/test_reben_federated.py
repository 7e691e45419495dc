"""Seven countries, tested in summer."""

from collections import Counter

from bench.data import ids_sha256
from bench.data.reben import reben_federated
from bench.data.reben import simulate as simulated
from bench.data.reben.metadata import Metadata
from bench.data.reben.patches import season_and_tile
from bench.spec import task as tasks
from bench.train.federated.clients import partition
from tests.train.federated.tiny import recipe


def test_the_official_splits_and_their_clients(real_data):
    path = real_data / "reben" / "metadata.parquet"
    metadata, task = Metadata(path), tasks.load("reben-federated")
    for name, declared in task.splits.items():
        found = reben_federated.patches(metadata, name)
        assert (len(found), ids_sha256(found)) == (declared.size, declared.ids_sha256)
    training = reben_federated.patches(metadata, "train")
    attributes = {
        "country": metadata.texts("country", training),
        "season": [season_and_tile(patch)[0] for patch in training],
    }
    sizes = {c.name: len(c.samples) for c in partition(attributes, recipe(), 0)}
    assert sizes == {
        "Austria": 24_972,
        "Belgium": 7_837,
        "Finland": 74_293,
        "Ireland": 22_482,
        "Lithuania": 23_170,
        "Serbia": 36_967,
        "Switzerland": 1_692,
    }
    third = {c.name: len(c.samples) for c in partition(attributes, recipe(scenario="ds3"), 0)}
    assert len(third) == 24
    assert (third["Finland summer"], third["Switzerland summer"]) == (14_805, 1_692)


def test_what_the_sample_track_simulates(monkeypatch, tmp_path):
    calls = []
    monkeypatch.setattr(simulated, "write", lambda root, planned: calls.append((root, planned)))
    reben_federated.write_sample(tmp_path)
    ((root, planned),) = calls
    assert root == tmp_path
    assert {patch.region.name for patch in planned} == set(reben_federated.COUNTRIES)
    splits = Counter(patch.split for patch in planned)
    assert splits["train"] > 400
    assert splits["test"] > 100
    seasons = {(p.split, season_and_tile(p.patch_id)[0]) for p in planned}
    assert {season for split, season in seasons if split == "test"} == {"summer"}
    assert len({season for split, season in seasons if split == "train"}) > 2
    assert len({patch.patch_id for patch in planned}) == len(planned)


def test_the_plan_of_the_whole_dataset_is_what_it_was():
    assert simulated.plan() == simulated.plan(times=simulated.TIMES)
    assert len(simulated.plan(times=(1, 1, 1))) == 336
