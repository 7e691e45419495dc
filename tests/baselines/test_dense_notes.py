"""What differs from a publication stands in the note of an entry and in the documentation alike."""

from pathlib import Path

import pytest

from bench.models import entries
from bench.spec import task as tasks

PAPERS = Path(__file__).resolve().parents[2] / "docs" / "papers.md"
CROPS = ("pastis-crop-mapping", "pastis24-crop-mapping")
BATHYMETRY = ("magicbathy-bathymetry-agia-napa", "magicbathy-bathymetry-puck-lagoon")


@pytest.mark.parametrize(
    ("of", "names", "said"),
    [
        (
            ("eoekoland-crop-mapping", "pastis-r-crop-mapping"),
            ("tsvit-ca",),
            "attention maps of the other series are summed and divided by the number of all "
            "series, and normalised tokens are added where the paper's formula adds the tokens. "
            "The published numbers of Cross Attention Fusion",
        ),
        (
            ("eoekoland-crop-mapping", "pastis-r-crop-mapping"),
            ("tsvit-ca-formula",),
            "No published number is of it",
        ),
        (
            CROPS,
            ("tsvit", "tsvit-s"),
            "go back into its square, days count from 0, and attention sees the dates there are.",
        ),
        (
            CROPS,
            ("tsvit-released", "tsvit-s-released"),
            "which released weights need: the pixels of a token are laid in a row, series are "
            "filled up to 60 dates with images of zeros, which attention sees, and days are "
            "numbered as the released loader does",
        ),
        (
            BATHYMETRY,
            ("unet", "unet-s2-norm"),
            "normalised as published, by the release's norm_param files where they lie beside the "
            "data; s2, spot6 and aerial by the constants of the authors' first notebooks.",
        ),
        (
            ("magicbathy-seabed-agia-napa",),
            ("unet-published", "segformer-b5"),
            "of 16 x 16 stored pixels, enlarged to 256 px by nearest",
        ),
        (
            ("magicbathy-seabed-agia-napa", "magicbathy-seabed-puck-lagoon"),
            ("unet-published", "unet-published-aerial", "segformer-b5", "segformer-b5-aerial"),
            "scores are on 256 x 256 px",
        ),
        (
            ("hyspecnet-compression",),
            ("hycot",),
            "On the official track the decoder starts as released; on the sample track, whose "
            "trainings are short, it starts at a reflectance of 0.18",
        ),
        (
            ("hyspecnet-compression",),
            ("cae1d",),
            "The published rows 1D-CAE-Adv and 1D-CAE-Ext have no entry: their networks couldn't "
            "be read.",
        ),
    ],
)
def test_documentation_and_entry_say_it_in_the_same_words(of, names, said):
    page = " ".join(PAPERS.read_text(encoding="utf-8").replace("`", "").split())
    assert said in page
    for task in map(tasks.load, of):
        for name in names:
            assert said in entries.baseline(name, task).note, (task.name, name)
