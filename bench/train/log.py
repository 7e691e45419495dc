"""What a training by epochs logs to besides its ``log.csv``: loggers of other packages.

`bench.results.training_log` says what a row holds.
"""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.base.errors import RequestError, in_words
from bench.base.paths import absolute
from bench.results.training_log import COLUMNS, LogRow

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from lightning.pytorch.loggers import Logger

_SCHEME = re.compile(r"[a-z][a-z0-9+]+:")
"""How the address of a server or a store begins; anything else is a folder."""


def row(epoch: int, trainer: "Trainer", loss: float) -> LogRow:
    """The row of an epoch that wasn't validated yet."""
    rate = trainer.optimizers[0].param_groups[0]["lr"]
    values = (epoch, trainer.global_step, float(rate), loss, None)
    return dict(zip(COLUMNS, values, strict=True))


def _tensorboard(folder: str, name: str) -> "Logger":
    from lightning.pytorch.loggers import TensorBoardLogger

    return TensorBoardLogger(folder, name=name, version="")


def _mlflow(folder: str, name: str) -> "Logger":
    from lightning.pytorch.loggers import MLFlowLogger

    if _SCHEME.match(folder):
        return MLFlowLogger("rs-bench", run_name=name, tracking_uri=folder)
    Path(folder).mkdir(parents=True, exist_ok=True)
    # MLflow refuses folders unless it is told: a database takes packages that mlflow-skinny, and
    # whoever has a recent pyarrow, lacks. They can be migrated.
    os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
    return MLFlowLogger("rs-bench", run_name=name, tracking_uri=Path(folder).as_uri())


def _wandb(folder: str, name: str) -> "Logger":
    from lightning.pytorch.loggers import WandbLogger

    Path(folder).mkdir(parents=True, exist_ok=True)
    return WandbLogger(name=name, save_dir=folder, project="rs-bench", offline=True)


LOGGERS: dict[str, Callable[[str, str], "Logger"]] = {
    "mlflow": _mlflow,
    "tensorboard": _tensorboard,
    "wandb": _wandb,
}
"""What a training can log to besides, by the name of the package that it takes."""


def parse(asked: str) -> tuple[str, str]:
    """The name and the place in ``NAME:PLACE``.

    Raises:
        RequestError: it is something else, or no logger has this name.
    """
    name, _, place = asked.partition(":")
    if name not in LOGGERS or not place:
        raise RequestError(
            f"expected --log NAME:FOLDER, found {asked!r:.100}",
            f"NAME is one of {', '.join(LOGGERS)}, such as --log tensorboard:logs",
        )
    return name, place if _SCHEME.match(place) else str(absolute(place))


def loggers(asked: Sequence[str], entry: str) -> list["Logger"]:
    """Lightning's loggers for what was asked for.

    Args:
        asked: each as `parse` takes it.
        entry: what the training is called there.

    Raises:
        RequestError: as `parse`; or the package isn't installed, or can't log there.
    """
    found = []
    for name, place in map(parse, asked):
        try:
            found.append(LOGGERS[name](place, entry))
        except ModuleNotFoundError as error:
            raise RequestError(
                f"--log {name} needs {name}, which isn't installed", f"pip install {name}"
            ) from error
        except Exception as error:
            # Whatever the package raises: nothing of it is ours.
            raise RequestError(
                f"{name} can't log to {place}: {in_words(error)}", "choose another place"
            ) from error
    return found


def send(trainer: "Trainer", row: LogRow, validation: str) -> None:
    """Log an epoch to the trainer's loggers, the validation score by its own name."""
    names = {"validation": f"validation_{validation}"}
    values = {names.get(key, key): value for key, value in row.items() if value is not None}
    step = int(values.pop("step"))
    for logger in trainer.loggers:
        logger.log_metrics(values, step)


def close(trainer: "Trainer") -> None:
    """End what the trainer's loggers began: a run of wandb lasts until the process ends, else."""
    for logger in trainer.loggers:
        finish = getattr(getattr(logger, "experiment", None), "finish", None)
        if callable(finish):
            finish()
