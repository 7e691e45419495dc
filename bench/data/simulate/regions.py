"""Ten invented regions with the names of the countries of BigEarthNet.

They differ in land cover, water, relief, seasons and number of locations, so that a model trained
on one region meets other class frequencies and other appearances in the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from bench.data.simulate.landscape import Water
from bench.data.simulate.phenology import Climate


@dataclass(frozen=True)
class Region:
    """A region.

    Attributes:
        name: of the country.
        square: letters of the 100 km square of its tile.
        epsg: coordinate reference system of its tile.
        corner: easting and northing of the tile's north-west corner in metres.
        locations: how many in (train, validation, test).
        dates: of the acquisitions.
        climate: seasons and soils.
        relief: standard deviation of the elevation in metres.
        waters: what crosses the locations, in turn.
        weights: CORINE code to how common it is on dry land.
        shore: CORINE code to how common it is beside water; 0 is the land as it is.
        spoilt: an acquisition with snow or clouds, as (what, when); none by default.
    """

    name: str
    square: str
    epsg: int
    corner: tuple[float, float]
    locations: tuple[int, int, int]
    dates: tuple[date, ...]
    climate: Climate
    relief: float
    waters: tuple[Water | None, ...]
    weights: Mapping[int, float]
    shore: Mapping[int, float]
    spoilt: tuple[str, date] | None = None


REGIONS = (
    Region(
        "Austria",
        "SAT",
        32633,
        (399_960.0, 5_300_040.0),
        (14, 4, 6),
        (date(2017, 6, 13), date(2017, 8, 20), date(2017, 10, 14), date(2018, 4, 19)),
        Climate(late=5, bright=0.45),
        30,
        (None, None, "river", None, None, "lake"),
        {
            211: 5,
            231: 3,
            242: 2,
            243: 3,
            311: 3,
            312: 6,
            313: 5,
            324: 1,
            221: 1,
            321: 2,
            322: 1,
            333: 1,
            332: 0.5,
            112: 2,
            121: 0.7,
            131: 0.2,
            142: 0.2,
        },
        {0: 7, 411: 1},
        ("snow", date(2018, 2, 18)),
    ),
    Region(
        "Belgium",
        "SBE",
        32631,
        (600_000.0, 5_700_000.0),
        (11, 3, 5),
        (date(2017, 6, 18), date(2017, 9, 26), date(2018, 5, 8)),
        Climate(late=0, bright=0.35),
        4,
        (None, "sea", None, "river", None),
        {
            211: 6,
            231: 4,
            242: 4,
            243: 1,
            311: 2,
            312: 1,
            313: 1,
            222: 1,
            324: 0.5,
            112: 5,
            111: 1,
            121: 3,
            142: 0.5,
            322: 0.5,
        },
        {0: 2, 331: 3, 421: 2, 411: 1},
        ("cloud", date(2017, 11, 30)),
    ),
    Region(
        "Finland",
        "SFI",
        32635,
        (399_960.0, 6_900_000.0),
        (27, 7, 10),
        (date(2017, 6, 27), date(2017, 8, 18), date(2017, 9, 24), date(2018, 5, 12)),
        Climate(late=28, bright=0.25),
        8,
        ("lake", None, "sea", "lake", None),
        {
            211: 2,
            243: 2,
            311: 1,
            312: 8,
            313: 5,
            324: 4,
            412: 3,
            322: 0.5,
            112: 1,
            121: 0.6,
            131: 0.2,
            142: 0.2,
        },
        {0: 6, 411: 2, 331: 0.7},
        ("snow", date(2018, 2, 4)),
    ),
    Region(
        "Ireland",
        "SIE",
        32629,
        (499_980.0, 5_900_040.0),
        (17, 4, 7),
        (date(2017, 6, 17), date(2017, 7, 17), date(2018, 4, 23)),
        Climate(late=-8, bright=0.2),
        12,
        (None, "sea", "lake", None, "sea"),
        {
            231: 9,
            211: 3,
            242: 1,
            243: 3,
            311: 0.7,
            312: 2,
            313: 1,
            324: 2,
            412: 4,
            321: 1,
            322: 3,
            112: 1.5,
            121: 0.7,
            142: 0.3,
        },
        {0: 3, 331: 2, 421: 2, 411: 1},
        ("cloud", date(2017, 12, 5)),
    ),
    Region(
        "Kosovo",
        "SXK",
        32634,
        (499_980.0, 4_700_040.0),
        (6, 1, 2),
        (date(2017, 7, 4), date(2017, 10, 2)),
        Climate(late=3, dry=0.2, bright=0.55),
        30,
        (None, None, "river"),
        {211: 4, 242: 4, 243: 4, 231: 1, 311: 6, 312: 1, 313: 1, 324: 3, 321: 2, 112: 3, 121: 0.8},
        {0: 9, 411: 0.5},
    ),
    Region(
        "Lithuania",
        "SLT",
        32634,
        (399_960.0, 6_200_040.0),
        (17, 4, 7),
        (date(2017, 6, 4), date(2017, 8, 28), date(2017, 9, 27), date(2018, 4, 25)),
        Climate(late=12, bright=0.4),
        5,
        (None, "lake", None, "sea", None, "river"),
        {
            211: 7,
            231: 4,
            242: 3,
            243: 3,
            311: 3,
            312: 4,
            313: 4,
            324: 2,
            412: 1,
            411: 0.6,
            112: 1.5,
            121: 0.8,
            131: 0.2,
        },
        {0: 4, 331: 2, 411: 1.5, 421: 0.5},
        ("snow", date(2018, 1, 24)),
    ),
    Region(
        "Luxembourg",
        "SLU",
        32632,
        (300_000.0, 5_600_040.0),
        (6, 2, 3),
        (date(2017, 7, 8), date(2018, 4, 19)),
        Climate(late=2, bright=0.4),
        14,
        (None, None, None, "river"),
        {211: 3, 231: 4, 242: 2, 243: 2, 311: 6, 312: 2, 313: 2, 221: 1.5, 112: 3, 121: 1.5},
        {0: 9, 411: 0.3},
    ),
    Region(
        "Portugal",
        "SPT",
        32629,
        (499_980.0, 4_300_020.0),
        (25, 6, 10),
        (date(2017, 7, 1), date(2017, 10, 9), date(2017, 12, 21), date(2018, 4, 2)),
        Climate(late=-15, dry=1.0, bright=0.6),
        14,
        (None, "sea", None, None, "sea", "river"),
        {
            244: 16,
            211: 3,
            242: 2,
            243: 2.5,
            311: 3,
            312: 1.5,
            313: 1.5,
            324: 4,
            221: 1,
            223: 3.5,
            222: 0.7,
            323: 4,
            321: 1.5,
            112: 1.5,
            121: 0.7,
        },
        {0: 3, 331: 2, 421: 2.5},
    ),
    Region(
        "Serbia",
        "SRS",
        32634,
        (399_960.0, 5_000_040.0),
        (19, 5, 8),
        (date(2017, 6, 30), date(2017, 8, 17), date(2017, 11, 5), date(2018, 4, 26)),
        Climate(late=0, dry=0.15, bright=0.35),
        14,
        (None, "river", None, None),
        {
            211: 8,
            242: 4,
            243: 4,
            311: 6,
            231: 1.5,
            312: 0.6,
            313: 0.6,
            324: 2,
            222: 1.2,
            321: 1.5,
            112: 2.5,
            121: 0.8,
            411: 0.5,
        },
        {0: 5, 411: 1},
    ),
    Region(
        "Switzerland",
        "SCH",
        32632,
        (300_000.0, 5_200_020.0),
        (8, 2, 4),
        (date(2017, 7, 3), date(2017, 9, 10), date(2018, 5, 1)),
        Climate(late=10, bright=0.5),
        45,
        (None, "lake", None),
        {
            211: 3,
            231: 3,
            242: 2,
            243: 1,
            311: 1,
            312: 4,
            313: 3,
            324: 1,
            321: 4,
            322: 2,
            333: 3,
            332: 1,
            221: 1,
            112: 3,
            121: 1.2,
        },
        {0: 8, 411: 1},
        ("snow", date(2018, 3, 4)),
    ),
)
"""In the order of their names."""
