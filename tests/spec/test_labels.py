"""Numbers of labels as texts."""

import pytest
from pydantic import ValidationError

from bench.base.errors import RequestError
from bench.spec.labels import Labels


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("1%", "1%-draw0"),
        ("10 %", "10%-draw0"),
        ("0.50%", "0.5%-draw0"),
        ("100%", "100%-draw0"),
        ("0.000001%", "0.000001%-draw0"),
        ("5-shot", "5-shot-draw0"),
        ("5", "5-shot-draw0"),
        ("1-shots", "1-shot-draw0"),
        ("10%-draw2", "10%-draw2"),
        ("5-shot-draw3", "5-shot-draw3"),
    ],
)
def test_texts_have_one_name(text, name):
    found = Labels.parse(text)
    assert found.name == name
    assert Labels.parse(found.name) == found
    assert Labels.model_validate_json(found.model_dump_json()) == found


def test_a_draw_beside_the_text_is_taken_where_it_names_none():
    assert Labels.parse("10%", 3).draw == 3
    assert Labels.parse("10%-draw2", 3).draw == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0%", "above 0 %"),
        ("0.0%", "above 0 %"),
        ("101%", "at most 100 %, found 101 %"),
        ("0-shot", "at least 1 sample of each class"),
        ("-5%", "found '-5%'"),
        ("ten", "found 'ten'"),
        ("", "found ''"),
        ("5.5", "found '5.5'"),
        ("10%-draw4294967296", "a draw from 0"),
        ("1\u0661%", "found"),
    ],
)
def test_others_are_refused(text, message):
    with pytest.raises(RequestError, match=message):
        Labels.parse(text)


@pytest.mark.parametrize("given", [{}, {"percent": 5, "shots": 5}, {"shots": 0}, {"percent": 0}])
def test_one_size_is_declared(given):
    with pytest.raises(ValidationError):
        Labels(**given)
