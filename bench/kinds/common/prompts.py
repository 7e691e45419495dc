"""The words in which published zero-shot classifiers name a class.

Results depend on them, so each set is kept as it was published, spelling included.
"""

from typing import NamedTuple

from bench.base.errors import unknown


class Prompts(NamedTuple):
    """Templates with ``{}`` in the place of the class name, and who uses them."""

    templates: tuple[str, ...]
    source: str


def _georsclip() -> tuple[str, ...]:
    """35 phrasings of 3 kinds of image, in the published order."""
    filled = []
    for article, image in (
        ("a", "remote sensing image"),
        ("an", "aerial image"),
        ("a", "satellite image"),
    ):
        filled += [
            f"{article} {image} of {rest}{{}}."
            for rest in ("many ", "a ", "the ", "the hard to see ", "a hard to see ")
        ]
        filled += [
            f"a {quality} {image} of {one} {{}}."
            for quality in (
                "low resolution",
                "bad",
                "cropped",
                "bright",
                "dark",
                "close-up",
                "black and white",
                "jpeg corrupted",
                "blurry",
                "good",
            )
            for one in ("the", "a")
        ]
        filled += [
            f"{article} {image} of {one} {look} {{}}."
            for look in ("large", "nice", "small", "weird", "cool")
            for one in ("the", "a")
        ]
    return tuple(filled)


PROMPTS: dict[str, Prompts] = {
    "remoteclip": Prompts(
        ("a satellite photo of {}.",),
        "Liu et al., RemoteCLIP, TGRS 2024, arXiv 2306.11029",
    ),
    "skyscript": Prompts(
        ("a satellite photo of {}.", "a satellite image of {}"),
        "Wang et al., SkyScript, AAAI 2024; github.com/wangzhecheng/SkyScript",
    ),
    "georsclip": Prompts(
        _georsclip(),
        "Zhang et al., RS5M and GeoRSCLIP, TGRS 2024, arXiv 2306.11300; github.com/om-ai-lab/RS5M",
    ),
    "rs-transclip": Prompts(
        ("a satellite photo of a {}.", *_georsclip()),
        "El Khoury et al., RS-TransCLIP, arXiv 2409.00698; github.com/elkhouryk/RS-TransCLIP",
    ),
    "clip-benchmark-eurosat": Prompts(
        (
            "a centered satellite photo of {}.",
            "a centered satellite photo of a {}.",
            "a centered satellite photo of the {}.",
        ),
        "github.com/LAION-AI/CLIP_benchmark",
    ),
    "clip-benchmark-resisc45": Prompts(
        (
            "a sattelite image of {}",
            "an aerial view of {}",
            "a sattelite photo of {}",
            "{} from above",
        ),
        "github.com/LAION-AI/CLIP_benchmark",
    ),
    "clip-rsicd": Prompts(
        ("An aerial photograph of {}",),
        "github.com/arampacha/CLIP-rsicd",
    ),
}


def fill(prompts: str, class_name: str) -> tuple[str, ...]:
    """The sentences of the set named ``prompts`` about one class.

    Raises:
        RequestError: there is no such set.
    """
    if prompts not in PROMPTS:
        raise unknown("set of prompts", prompts, PROMPTS)
    return tuple(template.replace("{}", class_name) for template in PROMPTS[prompts].templates)
