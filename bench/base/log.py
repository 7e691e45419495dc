"""The logger of the package: silent until the application that imports it says otherwise."""

import logging

LOGGER = logging.getLogger("bench")
"""News of a call at level INFO, what was left out at WARNING."""

LOGGER.addHandler(logging.NullHandler())
