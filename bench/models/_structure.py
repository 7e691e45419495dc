"""The digest of a Python object: the code it runs and the values it holds.

The weights of a module are left out, as they have a digest of their own. Code of the standard
library and of installed packages counts by its name and version; other code, such as that of a
notebook, by its bytecode and by that of all functions and classes it refers to.
"""

import dis
import enum
import functools
import hashlib
import sys
import types
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

_PRIMITIVES = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))
_NAMED = (torch.dtype, torch.device, torch.Size, torch.memory_format, torch.layout)
_OF_MODULES = {
    *torch.nn.Module().__dict__,
    *("_trainer", "_fabric", "_compiled_call_impl", "trained"),
}
"""Attributes of a module that don't decide what it returns, or that are looked at apart."""

_OF_CLASSES = {
    *("__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__qualname__"),
    *("__firstlineno__", "__static_attributes__", "__abstractmethods__", "_abc_impl"),
    *("__annotate_func__", "__annotations_cache__", "__parameters__", "__orig_bases__"),
}
_SLOTS = (types.GetSetDescriptorType, types.MemberDescriptorType)
_BUILTINS = (
    types.BuiltinFunctionType,
    types.ClassMethodDescriptorType,
    types.MethodDescriptorType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
)
_INSTALLED = {"site-packages", "dist-packages"}


def structure(module: torch.nn.Module) -> tuple[str, list[str]]:
    """Hash what decides the outputs of a module, except for its weights and whether it trains.

    Args:
        module: of any class; it isn't changed.

    Returns:
        The SHA-256, and the names of attributes whose values can't be read, such as a lock. With
        any of those the SHA-256 is another one at every call.
    """
    walk = _Walk()
    walk.add(module, type(module).__name__)
    if walk.unread:
        walk.write(uuid.uuid4().hex)
    return walk.digest.hexdigest(), walk.unread


class _Walk:
    """Adds values to one digest, each object once."""

    def __init__(self) -> None:
        self.digest = hashlib.sha256()
        self.unread: list[str] = []
        self._seen: dict[int, tuple[int, Any]] = {}

    def write(self, *words: object) -> None:
        """Add words, each with its length so that their ends count."""
        for word in words:
            text = str(word).encode("utf-8", "surrogatepass")
            self.digest.update(b"%d:%s" % (len(text), text))

    def add(self, value: Any, where: str) -> None:
        """Add a value; ``where`` names it in what can't be read."""
        if isinstance(value, _PRIMITIVES) and not isinstance(value, enum.Enum):
            self.write(type(value).__name__, repr(value))
            return
        if isinstance(value, _NAMED):
            self.write(str(value))
            return
        if id(value) in self._seen:
            self.write("again", self._seen[id(value)][0])
            return
        # Constants are shared or not as the compiler likes.
        if not isinstance(value, tuple | types.CodeType):
            # Kept, so that no other object gets its id meanwhile.
            self._seen[id(value)] = (len(self._seen), value)
        try:
            self._add(value, where)
        except RecursionError:
            self.unread.append(where)

    def _add(self, value: Any, where: str) -> None:
        if isinstance(value, torch.nn.Module):
            self._module(value, where)
        elif isinstance(value, torch.Tensor):
            self._tensor(value)
        elif isinstance(value, np.ndarray | np.generic) and value.dtype != object:
            self.write("array", value.dtype, value.shape)
            self.digest.update(np.ascontiguousarray(value).tobytes())
        elif isinstance(value, enum.Enum):
            self.add(type(value), where)
            self.write(value.name)
        elif isinstance(value, Mapping):
            self.add(type(value), where)
            self.write(len(value))
            for key, held in value.items():
                self.add(key, where)
                self.add(held, f"{where}.{key}"[:200])
        elif isinstance(value, list | tuple | deque):
            self.add(type(value), where)
            self._all(value, where)
        elif isinstance(value, set | frozenset):
            self.write(type(value).__name__, *sorted(map(repr, value)))
        elif isinstance(value, type):
            self._class(value, where)
        elif isinstance(value, types.ModuleType):
            self._package(value, where)
        else:
            self._callable_or_other(value, where)

    def _all(self, values: Iterable[Any], where: str) -> None:
        held = list(values)
        self.write(len(held))
        for index, one in enumerate(held):
            self.add(one, f"{where}[{index}]"[:200])

    def _module(self, module: torch.nn.Module, where: str) -> None:
        self.add(type(module), where)
        for name, weight in module._parameters.items():
            self.write("parameter", name)
            self._form(weight)
        for name, buffer in module._buffers.items():
            self.write("buffer", name)
            if name in module._non_persistent_buffers_set:
                self.add(buffer, f"{where}.{name}")
            else:
                self._form(buffer)
        for name, part in module._modules.items():
            self.write("module", name)
            self.add(part, f"{where}.{name}")
        for hooks in (module._forward_pre_hooks, module._forward_hooks):
            self._all(hooks.values(), f"{where}, a hook")
        for name, value in sorted(vars(module).items()):
            if name not in _OF_MODULES:
                self.write("attribute", name)
                self.add(value, f"{where}.{name}")

    def _form(self, tensor: torch.Tensor | None) -> None:
        if tensor is None:
            self.write("none")
        elif id(tensor) in self._seen:
            self.write("again", self._seen[id(tensor)][0])
        else:
            self._seen[id(tensor)] = (len(self._seen), tensor)
            self.write(tensor.dtype, tuple(tensor.shape))

    def _tensor(self, tensor: torch.Tensor) -> None:
        self.write("tensor")
        add_tensor(self.digest, tensor)

    def _class(self, cls: type, where: str) -> None:
        self.write("class", cls.__module__, cls.__qualname__)
        if self._is_installed(cls.__module__):
            return
        for base in cls.__bases__:
            self.add(base, where)
        for name, value in sorted(vars(cls).items()):
            if name not in _OF_CLASSES and not isinstance(value, _SLOTS):
                self.write("attribute", name)
                self.add(value, f"{cls.__name__}.{name}")

    def _package(self, module: types.ModuleType, where: str) -> None:
        name, file = module.__name__, getattr(module, "__file__", None)
        self.write("package", name)
        if self._is_installed(name):
            return
        if file is None or not Path(file).is_file():
            self.unread.append(where)
        else:
            from bench.models.python import digest_of_source

            self.write(digest_of_source(name, Path(file)))

    def _callable_or_other(self, value: Any, where: str) -> None:
        if isinstance(value, types.FunctionType):
            self._function(value, where)
        elif isinstance(value, types.MethodType):
            self._all((value.__func__, value.__self__), where)
        elif isinstance(value, types.CodeType):
            self._code(value, where)
        elif isinstance(value, staticmethod | classmethod):
            self.add(value.__func__, where)
        elif isinstance(value, property):
            self._all((value.fget, value.fset), where)
        elif isinstance(value, functools.partial):
            self._all((value.func, value.args, value.keywords), where)
        elif hasattr(value, "__wrapped__"):
            self.add(value.__wrapped__, where)
        elif isinstance(value, _BUILTINS):
            self.write("builtin", value.__qualname__)
        else:
            self._other(value, where)

    def _function(self, function: types.FunctionType, where: str) -> None:
        self.write("function", function.__module__, function.__qualname__)
        if self._is_installed(str(function.__module__)):
            return
        code = function.__code__
        self._all((code, function.__defaults__, function.__kwdefaults__), where)
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            try:
                self.add(cell.cell_contents, f"{where}.{name}")
            except ValueError:
                self.write("empty")
        for name in sorted(_globals_of(code)):
            if name in function.__globals__:
                self.write("global", name)
                self.add(function.__globals__[name], name)

    def _code(self, code: types.CodeType, where: str) -> None:
        self.write(code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars)
        self._all(code.co_consts, where)

    def _other(self, value: Any, where: str) -> None:
        """An object of some class, by what a copy of it would be made from."""
        self.add(type(value), where)
        try:
            made_of = value.__reduce_ex__(2)
        # Objects of other people's classes refuse in their own ways.
        except Exception:  # noqa: BLE001
            self.unread.append(where)
            return
        if isinstance(made_of, str):
            self.write(made_of)
            return
        function, arguments, state, items, pairs = (*made_of, None, None, None)[:5]
        self._all((function, arguments, state), where)
        self._all(items or (), where)
        self._all(pairs or (), where)

    def _is_installed(self, name: str) -> bool:
        """Whether a module is of the standard library, of this one, or of an installed package."""
        root = name.partition(".")[0]
        if root in sys.stdlib_module_names or root == "bench":
            return True
        file = getattr(sys.modules.get(name), "__file__", None)
        installed = file is not None and not _INSTALLED.isdisjoint(Path(file).parts)
        if installed:
            self.write(getattr(sys.modules.get(root), "__version__", ""))
        return installed


def add_tensor(digest: "hashlib._Hash", tensor: torch.Tensor) -> None:
    """Add dtype, shape and values of a tensor to a digest."""
    plain = tensor.detach().cpu().contiguous()
    digest.update(f"{plain.dtype} {tuple(plain.shape)}\n".encode())
    digest.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())


def _globals_of(code: types.CodeType) -> set[str]:
    """The names of globals that a function, or one inside it, reads."""
    found = {
        str(step.argval)
        for step in dis.get_instructions(code)
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    inner = (one for one in code.co_consts if isinstance(one, types.CodeType))
    return found.union(*map(_globals_of, inner))
