"""BigEarthNet v2.0 as the federated experiments part it: seven countries, tested in summer.

Source: the report behind B. Büyüktaş et al., Transformer-based Federated Learning for Multi-Label
Remote Sensing Image Classification, IGARSS 2024, arXiv:2405.15405.
"""

from collections.abc import Sequence
from pathlib import Path

from bench.data.reben import client_lists, reben
from bench.data.reben.dataset import Reben
from bench.data.reben.metadata import Metadata
from bench.data.reben.patches import season_and_tile

COUNTRIES = (
    "Austria",
    "Belgium",
    "Finland",
    "Ireland",
    "Lithuania",
    "Serbia",
    "Switzerland",
)


class Federated(Reben):
    """An opened BigEarthNet of which only the patches of seven countries are in a split."""

    def ids(self, split: str) -> list[str]:
        """The patch ids of a split, sorted; see `patches`.

        Raises:
            RequestError: there is no such split.
        """
        return patches(self.metadata, split)

    def client_lists(
        self, scenario: int, samples: Sequence[str]
    ) -> dict[str, client_lists.ClientList]:
        """Which of some samples the clients of published lists hold; see `client_lists.read`.

        Lists name patches of BigEarthNet v1.0, which the metadata knows.
        """
        names = self.metadata.texts("s2v1_name", samples)
        return client_lists.read(self.root, scenario, names)


def patches(metadata: Metadata, split: str) -> list[str]:
    """The patches of seven countries in a split: in ``train`` of all seasons, else of summer.

    Raises:
        RequestError: there is no such split.
    """
    found = metadata.split(split)
    return [
        patch
        for patch, country in zip(found, metadata.texts("country", found), strict=True)
        if country in COUNTRIES and (split == "train" or season_and_tile(patch)[0] == "summer")
    ]


def open_dataset(root: Path) -> Federated:
    """Open what is under ``root``, a folder of `reben`."""
    return Federated(root)


def write_sample(root: Path) -> None:
    """Write simulated patches of seven regions, more of each than `reben` simulates, and lists.

    These name the patches of the validation split too, as the published ones, which were made for
    another split.
    """
    from bench.data.reben import simulate as simulated
    from bench.data.simulate.regions import REGIONS

    regions = [region for region in REGIONS if region.name in COUNTRIES]
    planned = [
        patch
        for patch in simulated.plan(regions=regions, times=(3, 1, 4))
        if patch.split == "train" or season_and_tile(patch.patch_id)[0] == "summer"
    ]
    simulated.write(root, planned=planned)
    listed = [
        client_lists.Patch(
            patch.s2v1_name, patch.region.name, patch.day.month, patch.split == "test"
        )
        for patch in planned
    ]
    client_lists.write(root, listed)


prepare, verify = reben.prepare, reben.verify
