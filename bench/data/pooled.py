"""Work in other processes, in order, with bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from bench.base.errors import BenchError

Item = TypeVar("Item")
Result = TypeVar("Result")


def pooled(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """What ``function`` gives for each item, in order; no more than 2 x workers items ahead.

    Args:
        function: can be pickled, and so can its items and results.
        items: what it is called with.
        workers: how many processes call it; below 2 it is this process.

    Raises:
        BenchError: a process was killed.
    """
    if workers < 2:
        yield from map(function, items)
        return
    # No fork: the caller may have threads.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        under_way: deque[Future[Result]] = deque()
        try:
            for item in items:
                under_way.append(pool.submit(function, item))
                if len(under_way) > 2 * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        except BrokenProcessPool as error:
            raise BenchError(
                "a process that reads samples was killed, perhaps for lack of memory",
                "repeat the command with fewer workers: it continues",
            ) from error
