"""What users of a result must know of an architecture, in words, by the name of its source.

It stands here and not beside `build` of a source because scoring asks for it, which needs no torch.
"""

from collections.abc import Mapping
from typing import Any

from bench.spec.contract import InputContract

LEAVES_A_MARGIN = {"mixer_b16_224": 16, "convmixer_768_32": 7}
"""Patches in px of what was published for BigEarthNet v2.0, whose 120 px are no multiple of them.

A margin of the images isn't seen there, so neither here; the manifest of a run says so.
"""

UNREAD = "unread"
"""The argument of a module of the caller's that names what of it can't be read."""


def timm(rest: str, arguments: Mapping[str, Any], contract: InputContract) -> list[str]:
    """What of each image a published architecture doesn't see."""
    patch = arguments.get("patch_size", LEAVES_A_MARGIN.get(rest.partition(".")[0], 1))
    margin = (contract.size or 0) % patch
    if not margin:
        return []
    return [
        f"timm:{rest} cuts images of {contract.size} px into patches of {patch} px, as published: "
        f"{margin} px at the right and at the bottom aren't seen"
    ]


def live(rest: str, arguments: Mapping[str, Any], contract: InputContract) -> list[str]:
    """That nobody else can run a module, and what of it isn't in its digest."""
    found = [
        f"the model was an object of a Python process ({rest.partition('@')[0]}): unverified code, "
        "which can't be run again from this record"
    ]
    if unread := arguments.get(UNREAD):
        found.append(f"its digest holds nothing of {unread}, which can't be read")
    return found
