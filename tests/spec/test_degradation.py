"""Degradations as they are asked for."""

import pytest

from bench.base.errors import RequestError
from bench.spec.degradation import parse


def test_magnitudes_are_degradations_of_their_own_and_bands_one() -> None:
    assert [one.name for one in parse("cloud=0.3, 0.10")] == ["cloud=0.1", "cloud=0.3"]
    (dropped,) = parse("drop=B8A,B11")
    assert (dropped.name, dropped.magnitude) == ("drop=B8A,B11", 2)
    for text in ("drop=B8A,B11", "cloud=0.3", "noise=0.05", "gsd=20"):
        (one,) = parse(text)
        assert one.name == text
        assert parse(one.name) == [one]
        assert one.meaning


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clouds=0.3", "did you mean cloud"),
        ("cloud", "after cloud="),
        ("cloud=", "after cloud="),
        ("cloud=1.5", "above 0 and at most 1, found '1.5'"),
        ("cloud=0", "above 0 and at most 1"),
        ("noise=-1", "above 0"),
        ("noise=nan", "above 0"),
        ("noise=inf", "above 0"),
        ("gsd=far", "found 'far'"),
        ("gsd=20,20", "different values"),
        ("drop=B02,,B03", "different values"),
        ("noise=" + ",".join(map(str, range(1, 60))), "up to 50"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(text: str, expected: str) -> None:
    with pytest.raises(RequestError, match=expected) as error:
        parse(text)
    assert "\n" not in str(error.value)
