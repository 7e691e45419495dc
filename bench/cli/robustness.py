"""``bench robustness``: what degraded images, or errors of maps, cost."""

from typing import Annotated

import typer

from bench.base.errors import RequestError
from bench.cli import _degraded
from bench.cli import _request as options
from bench.cli._console import (
    Json,
    Quiet,
    Results,
    interval,
    number,
    print_json,
    print_line,
    print_table,
    reporting,
)


def verb(
    task: options.Task,
    model: options.Model,
    degrade: Annotated[
        list[str] | None,
        typer.Option(
            help="A degradation of the images that are scored; may be repeated: drop=B8A,B11 "
            "(these bands hold their mean), cloud=0.1,0.3 (share of the image under opaque "
            "clouds), noise=0.5 (standard deviations of the band), gsd=20,60 (metres).",
            metavar="KIND=VALUES",
        ),
    ] = None,
    noise: Annotated[
        list[str] | None,
        typer.Option(
            help="Of training by maps: a noise and its magnitudes, such as dilate=2,8 (pixels) or "
            "swap=0.1,0.3 (share); may be repeated. Known: dilate, erode, shift, swap, flip.",
            metavar="KIND=VALUES",
        ),
    ] = None,
    method: options.Method = None,
    given: options.Input = None,
    normalisation: options.Normalisation = "checkpoint",
    track: options.Track = None,
    device: options.Device = "auto",
    precision: options.Precision = "32-true",
    seed: options.Seed = 0,
    as_json: Json = False,
    results: Results = None,
    quiet: Quiet = False,
) -> None:
    """Score a model on degraded images, or trained by maps with errors.

    With --degrade the model is trained as ever and tested on images that are degraded before its
    input contract; each run is paired with that on clean images. Such runs are never ranked.

    bench robustness --task reben-mlc --model resnet18-s2 --degrade cloud=0.1,0.3

    With --noise it is trained again by maps with errors, and its score shown against how wrong the
    labels became.

    bench robustness --task reben-cutmix --model cutmix-lp-map-s2 --noise dilate=2,8
    """
    if bool(degrade) == bool(noise):
        raise RequestError(
            f"--degrade and --noise are {'both' if noise else 'not'} given",
            "--degrade cloud=0.3 tests on degraded images, --noise dilate=2 trains by maps with "
            "errors",
        )
    asked = options.request(
        task,
        model,
        track,
        device,
        1,
        1,
        precision,
        seed,
        False,
        results,
        method=method,
        given=given,
        normalisation=normalisation,
    )
    if degrade:
        _degraded.run(asked, degrade, as_json=as_json, quiet=quiet)
        return
    import dataclasses

    from bench.evaluate import robustness

    grid = dict(map(_magnitudes, noise or []))
    with reporting(quiet) as report:
        found = robustness.points(asked, grid, report)
    if as_json:
        print_json([dataclasses.asdict(point) for point in found])
        return
    print_table(
        ["noise", "magnitude", "added", "removed", "wrong labels", "score", "95 % interval", "run"],
        [
            [
                point.noise,
                f"{point.magnitude:g}",
                *(number(share) for share in (point.added, point.removed, point.wrong)),
                number(point.value),
                interval(point.low, point.high),
                point.run,
            ]
            for point in sorted(found, key=lambda point: point.wrong)
        ],
        right=[1, 2, 3, 4, 5],
    )
    print_line(
        "\nadded: of the labels that aren't set, the share that maps set by mistake; removed: of "
        "those that are set, the share that they lack; wrong: of all labels. Counted on the "
        "training split, before images are mixed"
    )


def _magnitudes(text: str) -> tuple[str, list[float]]:
    name, _, sizes = text.partition("=")
    try:
        return name, [float(size) for size in sizes.split(",")]
    except ValueError as error:
        raise RequestError(
            f"--noise {text[:80]!r}: expected a name and numbers", "such as --noise dilate=2,8"
        ) from error
