"""What the harness logs."""

import logging
from contextlib import contextmanager


@contextmanager
def logged():
    """The lines that are logged meanwhile, also outside of tests, where there is no ``caplog``."""
    logger, lines = logging.getLogger("bench"), []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: lines.append(record.getMessage())
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield lines
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
