"""Heads: what is fitted on the features of a frozen encoder.

A head is constructed with the number of features, the number of outputs and the form of the
targets, is fitted on all training samples at once, and has several solutions, of which the
validation split chooses one. Each method is a module: a pure function on arrays, and a
`bench.models.heads.base.Head` around it.
"""

import importlib
from typing import TYPE_CHECKING

from bench.base.errors import unknown

if TYPE_CHECKING:
    from bench.models.heads.base import Head

METHODS = {
    "knn": "neighbours.Neighbours",
    "ridge": "ridge.RidgeHead",
    "logistic": "logistic.Logistic",
}
"""The methods that are fitted without steps, and their classes in this package."""


def find(method: str) -> "type[Head]":
    """The class of a method.

    Raises:
        RequestError: there is no such method.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS)
    module, _, name = METHODS[method].partition(".")
    found: type[Head] = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    return found
