"""``bench doctor``: what is here."""

import importlib.util
import os
import shutil
from typing import Any

from bench.cli._console import Json, print_json, print_table


def verb(as_json: Json = False) -> None:
    """Show versions, devices, data, disk and access to the Hub."""
    import torch

    from bench import data
    from bench.base import provenance
    from bench.base.paths import data_root, results_root, shipped
    from bench.base.torch_setup import torchvision_advice
    from bench.cli import _plugins

    found: dict[str, Any] = {
        "harness": provenance.harness(),
        "packages": provenance.packages(),
        "hardware": provenance.hardware("cpu"),
        "torch threads": torch.get_num_threads(),
        "cuda devices": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "torchvision": torchvision_advice(),
        "tasks": str(shipped("tasks")),
        "plugins": {
            f"{row['group']} {row['name']}": f"{row['distribution']} {row['version']}, "
            f"{row['state']}"
            for row in _plugins.rows()
        },
        "data": {
            name: {
                "official": str(data.official_root(name))
                + ("" if data.is_there(data.official_root(name)) else " (absent)"),
                "sample": str(data.sample_root(name))
                + ("" if data.is_there(data.sample_root(name)) else " (made on first use)"),
            }
            for name in data.declared()
        },
        "free disk": {str(path): _free(path) for path in (data_root(), results_root())},
        "hub": {
            "endpoint": os.environ.get("HF_ENDPOINT", "https://huggingface.co"),
            "offline": bool(os.environ.get("HF_HUB_OFFLINE")),
            "token": _token(),
        },
    }
    if as_json:
        print_json(found)
        return
    rows = []
    for name, value in found.items():
        if isinstance(value, dict):
            rows += [[name, f"{key}: {_flat(inner)}"] for key, inner in value.items()]
        else:
            rows.append([name, _flat(value)])
    print_table(["", ""], rows)


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _free(path: Any) -> str:
    while not path.exists():
        path = path.absolute().parent
    return f"{shutil.disk_usage(path).free / 2**30:.1f} GiB"


def _token() -> str:
    if importlib.util.find_spec("huggingface_hub") is None:
        return "huggingface_hub is not installed"
    from huggingface_hub import get_token

    return "present" if get_token() else "absent (needed only to submit, or for private entries)"
