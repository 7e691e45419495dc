"""Fixtures for training."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True, scope="module")
def _threads() -> Iterator[None]:
    """Other tests get back the threads that training leaves at one."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
