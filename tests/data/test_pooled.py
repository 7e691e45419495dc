import os
import signal

import pytest

from bench.base.errors import BenchError
from bench.data.pooled import pooled


def square(number):
    return number * number


def fall(number):
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def refuse(number):
    raise BenchError(f"expected another number, found {number}")


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_come_in_order(workers):
    assert list(pooled(square, range(9), workers)) == [n * n for n in range(9)]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_reaches_the_caller(workers):
    with pytest.raises(BenchError, match="found 0"):
        list(pooled(refuse, range(3), workers))


def test_a_killed_process_is_told():
    with pytest.raises(BenchError, match=r"was killed.*fewer workers"):
        list(pooled(fall, range(4), 2))


def test_few_items_are_taken_ahead():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = pooled(square, items(), 2)
    assert next(results) == 0
    assert len(taken) <= 6
    results.close()
