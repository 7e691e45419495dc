"""Float32 products of unit vectors in blocks, each block by one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import isqrt
from typing import TYPE_CHECKING

from bench.base.errors import RequestError
from bench.metrics.embeddings import Vectors

if TYPE_CHECKING:
    pass

MEMORY = 64 << 20
MANY = 1 / 64  # of a block: more are cheaper by a float64 product than one by one
_ROWS = 1024
_COLUMNS = 2040  # 255 words of eight, as many as eight bits can count
_BYTES_PER_SCORE = 8


def product(left: Vectors, right: Vectors, out: Vectors) -> Vectors:
    """[rows, columns] in the beginning of ``out``; torch's BLAS keeps to the calling thread."""
    import torch

    block = out[: len(left) * len(right)].reshape(len(left), len(right))
    torch.mm(torch.from_numpy(left), torch.from_numpy(right).T, out=torch.from_numpy(block))
    return block


def block_shape(rows: int, memory: int, threads: int) -> tuple[int, int]:
    """Rows and columns of a block: what fits, stays in cache, and leaves every thread some."""
    if memory < 1 << 20:
        raise RequestError(f"expected at least 1 MiB of memory for scores, found {memory} bytes")
    side = isqrt(memory // threads // _BYTES_PER_SCORE // 2)
    return min(side, _ROWS, -(-rows // threads)), min(2 * side // 8 * 8, _COLUMNS)


@contextmanager
def threads_apart() -> Iterator[int]:
    """How many blocks to work on at once, while each product keeps to one thread and to float32.

    Threads that share a product wait for each other after every one, which on a busy machine costs
    more than the product. A precision below float32 would break the error bound.
    """
    import torch

    threads, precision = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(1)
    torch.set_float32_matmul_precision("highest")
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)
        torch.set_float32_matmul_precision(precision)
