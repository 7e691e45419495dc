"""How an encoder is fed on a task: which bands, in which unit, of which size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.base.errors import RequestError
from bench.data.series import by_series
from bench.models._checkpoint import Checkpoint
from bench.spec.channels import match, polarisation_of, wavelength_of
from bench.spec.contract import Band, InputContract, InputPipeline
from bench.spec.encoder import Encoder, Normalisation, Seen
from bench.spec.task import Task


def fed(
    name: str,
    stated: Checkpoint,
    task: Task,
    given: str,
    normalisation: Normalisation,
    *,
    dense: bool,
) -> Encoder:
    """An encoder as it is fed with an input of a task, without its weights.

    Raises:
        RequestError: the input can't feed it.
    """
    base = task.input(given)
    known = _series(task)
    if known and not stated.series and len(by_series(base.bands, known)) > 1:
        raise RequestError(
            f"{name} sees images of one series, input {given} of task {task.name} has several",
            f"write --input NAME, one of {', '.join(task.declaration['inputs'])}",
        )
    bands = {band: task.bands[band] for band in base.bands}
    if stated.channels and _is_pair(base.bands):
        raise RequestError(
            f"{name} sees single images, input {given} of task {task.name} holds pairs",
            "choose a model of pairs: `bench info` lists baselines",
        )
    channels = matched(stated, bands, name, task)
    chosen = tuple(channels.values()) or base.bands
    own = normalisation == "checkpoint" and bool(stated.channels and stated.statistics)
    contract = (_own if own else _common)(stated, task, base, channels, chosen)
    arguments = dict(stated.arguments or {})
    side = _side(stated, base.size)
    if dense:
        contract = contract.model_copy(
            update={"size": base.size, "fit": "stretch", "resampling": base.resampling}
        )
    else:
        contract = contract.model_copy(update={"size": side})
    known_bands = seen(contract, task)
    if stated.check is not None:
        stated.check(known_bands)
    return Encoder(
        name=name,
        architecture=name.partition("@")[0],
        arguments=arguments,
        given=given,
        input=contract,
        side=side if dense else None,
        normalisation="checkpoint" if own else "task",
        series=stated.series,
        channels=channels,
        bands=known_bands,
        unseen=tuple(band for band in base.bands if band not in chosen),
        pretraining=tuple(stated.pretraining),
        licence=stated.licence,
        url=stated.url,
    )


def seen(contract: InputContract, task: Task) -> dict[str, Seen]:
    """What is known of each band of a contract."""
    return {
        name: Seen(
            sensor=task.bands[name].sensor,
            gsd=task.bands[name].gsd,
            wavelength=wavelength_of(name, task.bands[name]),
            polarisation=polarisation_of(name, task.bands[name]),
        )
        for name in contract.bands
    }


def matched(stated: Checkpoint, bands: Mapping[str, Band], name: str, task: Task) -> dict[str, str]:
    """The band behind each channel of an encoder, those of one series next to each other.

    Args:
        stated: what the encoder wants.
        bands: those that it is given.
        name: of the encoder, for an error.
        task: whose bands they are.

    Raises:
        RequestError: bands that it needs are missing, or all that it can use.
    """
    if not stated.channels:
        return {}
    found = match(stated.channels, bands, name, some=stated.some)
    lacking = {c for group in stated.together if not set(group) <= set(found) for c in group}
    whole = {channel: band for channel, band in found.items() if channel not in lacking}
    if not whole:
        raise RequestError(
            f"{name} needs all of {' or of '.join('+'.join(g) for g in stated.together)}; "
            f"{', '.join(list(bands)[:16])} are only a part of one",
            "choose another input of the task (--input NAME) or another encoder",
        )
    known = _series(task)
    if not known:
        return whole
    order = [band for own in by_series(list(whole.values()), known).values() for band in own]
    return dict(sorted(whole.items(), key=lambda item: order.index(item[1])))


def _series(task: Task) -> dict[str, Sequence[str]]:
    """The bands of each series of the task's dataset."""
    declared = task.declaration.get("series", {})
    return {
        name: own["bands"] if isinstance(own, Mapping) else own for name, own in declared.items()
    }


def _is_pair(bands: Sequence[str]) -> bool:
    """Whether bands are those of two dates: ``R1`` ... ``R2`` ..."""
    first = [band[:-1] for band in bands if band in ("R1", "G1", "B1")]
    return bool(first) and first == [band[:-1] for band in bands if band in ("R2", "G2", "B2")]


def _side(stated: Checkpoint, given: int | None) -> int | None:
    """The side in pixels that images are brought to."""
    side = stated.size or given
    return side if side is None else -(-side // stated.multiple) * stated.multiple


def _own(
    stated: Checkpoint,
    task: Task,
    base: InputContract,
    channels: Mapping[str, str],
    chosen: Sequence[str],
) -> InputContract:
    """The contract that the weights were trained with."""
    known = {channel.name: channel for channel in stated.channels}
    fed = [known[channel] for channel in channels]
    units: dict[str, str] = {}
    for channel, band in zip(fed, chosen, strict=True):
        sensor = task.bands[band].sensor
        if units.setdefault(sensor, channel.unit) != channel.unit:
            raise RequestError(
                f"channels of one sensor are stated in {units[sensor]} and in {channel.unit}"
            )
    side = _side(stated, base.size)
    contract = InputContract(
        bands=tuple(chosen),
        units=units,
        size=side,
        resampling=stated.resampling,
        fit=stated.fit if side else "stretch",
        mean=tuple(channel.mean for channel in fed),
        std=tuple(channel.std for channel in fed),
        statistics=stated.statistics,
    )
    _check_units(contract, task)
    return contract


def _common(
    stated: Checkpoint,
    task: Task,
    base: InputContract,
    channels: Mapping[str, str],
    chosen: Sequence[str],
) -> InputContract:
    """The task's own contract, for the bands that an encoder sees."""
    places = [base.bands.index(band) for band in chosen]
    return base.model_copy(
        update={
            "bands": tuple(chosen),
            "mean": tuple(base.mean[place] for place in places),
            "std": tuple(base.std[place] for place in places),
            "units": {
                sensor: unit
                for sensor, unit in base.units.items()
                if sensor in {task.bands[band].sensor for band in chosen}
            },
        }
    )


def _check_units(contract: InputContract, task: Task) -> None:
    try:
        InputPipeline(contract, task.bands)
    except RequestError as error:
        raise RequestError(
            f"{error.message} with the normalisation of the checkpoint",
            "--normalisation task takes the task's own",
        ) from error
