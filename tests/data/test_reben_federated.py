"""Seven countries, tested in summer."""

from collections import Counter

import pytest

from bench.base.errors import BenchError
from bench.data import ids_sha256
from bench.data.reben import client_lists, reben_federated
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
    training = [patch for patch in planned if patch.split == "train"]
    countries, random = {}, {}
    for scenario in client_lists.SCENARIOS:
        found = client_lists.read(tmp_path, scenario, [patch.s2v1_name for patch in training])
        sizes = {name: len(one.rows) + one.left_out for name, one in found.items()}
        if scenario == 1:
            random = {name.removesuffix(" random"): size for name, size in sizes.items()}
            continue
        assert any(one.left_out for one in found.values())
        countries[scenario] = sizes
        for name, one in found.items():
            held = [training[row] for row in one.rows]
            assert {patch.region.name.lower() for patch in held} == {name}
            months = {patch.day.month for patch in held}
            assert (months <= {6, 7, 8}) is (scenario == 2)
    assert random == countries[2]
    assert set(countries[3]) == {name.lower() for name in reben_federated.COUNTRIES}


def write_lists(root, **lists):
    folder = root / client_lists.FOLDER / "scenario2"
    folder.mkdir(parents=True)
    for name, names in lists.items():
        (folder / f"{name}.csv").write_bytes("".join(f"{one}\r\n" for one in names).encode())
    return folder


NAMES = [f"S2A_MSIL2A_20170613T101031_74_{row}" for row in range(6)]


def test_lists_as_published_are_read(tmp_path):
    """Names of v1.0, a line each, ended as on Windows; the list of the test isn't a client's."""
    folder = write_lists(
        tmp_path,
        austria_train=[NAMES[4], NAMES[0], NAMES[5]],
        all_test=NAMES,
        portugal_train=[NAMES[3]],
    )
    (folder / ".DS_Store").write_bytes(b"x")
    found = client_lists.read(tmp_path, 2, [NAMES[4], NAMES[1], NAMES[0]])
    assert list(found) == ["austria", "portugal"]
    assert (found["austria"].rows.tolist(), found["austria"].left_out) == ([0, 2], 1)
    assert (found["portugal"].rows.tolist(), found["portugal"].left_out) == ([], 1)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([NAMES[0], "Austria"], "line 2: expected the name of a BigEarthNet v1.0 patch"),
        ([NAMES[0], "", NAMES[1]], "line 2"),
        ([NAMES[0] + ",1"], "line 1"),
        ([NAMES[0], NAMES[0]], "names a patch twice"),
    ],
)
def test_what_is_no_list_is_refused(tmp_path, names, message):
    write_lists(tmp_path, austria_train=names)
    with pytest.raises(BenchError, match=message):
        client_lists.read(tmp_path, 2, NAMES)


def test_lists_that_are_not_there_are_asked_for(tmp_path):
    write_lists(tmp_path, all_test=NAMES)
    for scenario in (1, 2):
        with pytest.raises(BenchError, match=f"scenario{scenario} holds no lists") as missing:
            client_lists.read(tmp_path, scenario, NAMES)
        assert "CV4RS" in missing.value.hint


def test_the_plan_of_the_whole_dataset_is_what_it_was():
    assert simulated.plan() == simulated.plan(times=simulated.TIMES)
    assert len(simulated.plan(times=(1, 1, 1))) == 336
