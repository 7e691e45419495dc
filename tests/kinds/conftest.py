"""Fixtures that tests of metrics share with tests of kinds."""

from tests.metrics.captions.conftest import metric_cases  # noqa: F401
