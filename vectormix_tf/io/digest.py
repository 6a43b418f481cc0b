"""Digests: whether a function, or what it was made with, is still the same."""

import functools
import hashlib
import sysconfig
import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

PACKAGE = __name__.partition(".")[0]
_PLAIN = (type(None), bool, int, float, complex, str, slice, range, type(...))
_LIBRARIES = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")}
)
_DIGITS = 16  # hexadecimal


def digest(value: Any) -> str:
    """Returns a text that differs for values that compute something else.

    Of a function it sees the code as Python compiles it, the defaults, the variables
    that it has from around it, and the functions and values of its module that it
    names; of those of installed packages the names alone. Arrays and tensors count by
    their numbers. So a comment may change, and the file be another one; another release
    of Python may compile another code.

    Args:
        value: A function, number, text, array, or a list, tuple or dictionary of them.

    Returns:
        16 hexadecimal digits.
    """
    sha = hashlib.sha256()
    for token in _tokens(value, set()):
        sha.update(len(token).to_bytes(8, "big") + token)
    return sha.hexdigest()[:_DIGITS]


def _tokens(value: Any, seen: set[int]) -> Iterator[bytes]:
    """What counts of a value; `seen` has the ids of objects that it has already."""
    if isinstance(value, _PLAIN):
        yield f"{type(value).__name__} {value!r}".encode()
    elif isinstance(value, bytes):
        yield value
    elif isinstance(value, types.ModuleType):
        yield value.__name__.encode()
    elif isinstance(value, list | tuple):
        yield f"list {len(value)}".encode()
        for each in value:
            yield from _tokens(each, seen)
    elif isinstance(value, set | frozenset):
        yield from sorted(digest(each).encode() for each in value)
    elif isinstance(value, Mapping):
        yield from _tokens([*value.items()], seen)
    elif isinstance(value, np.ndarray | np.generic) or hasattr(value, "numpy"):
        array = np.asarray(value)
        yield f"{array.dtype} {array.shape}".encode()
        yield np.ascontiguousarray(array).tobytes()
    elif isinstance(value, types.CodeType):
        yield value.co_code
        yield from _tokens([value.co_names, value.co_consts], seen)
    elif id(value) in seen:
        yield b"again"
    else:
        seen.add(id(value))
        yield from _tokens_of_object(value, seen)


def _tokens_of_object(value, seen):
    inner = getattr(value, "__wrapped__", getattr(value, "python_function", None))
    if isinstance(value, functools.partial):
        yield from _tokens([value.func, value.args, value.keywords], seen)
    elif isinstance(value, types.MethodType):
        yield from _tokens([value.__func__, value.__self__], seen)
    elif isinstance(value, types.FunctionType):
        yield from _tokens_of_function(value, seen)
    elif inner is not None and not isinstance(value, type):  # a cache, a `tf.function`
        yield from _tokens(inner, seen)
    elif isinstance(value, type | types.BuiltinFunctionType):
        yield _name(value)
    else:
        yield _name(type(value))
        weights = getattr(value, "weights", None)  # of a Keras model
        if isinstance(weights, list):
            yield from _tokens([np.asarray(each) for each in weights], seen)
        elif not _is_installed(type(value)):
            yield from _tokens([_methods(value), getattr(value, "__dict__", {})], seen)


def _tokens_of_function(function, seen):
    is_ours = function.__module__.partition(".")[0] == PACKAGE
    if _is_installed(function) and not is_ours:
        yield _name(function)
        return
    cells = [each.cell_contents for each in function.__closure__ or () if _full(each)]
    yield from _tokens([function.__defaults__, function.__kwdefaults__, cells], seen)
    if is_ours:  # a run's version of it counts elsewhere
        yield _name(function)
        return
    yield from _tokens(function.__code__, seen)
    names = [name for name in _names(function.__code__) if name in function.__globals__]
    yield from _tokens({name: function.__globals__[name] for name in names}, seen)


def _names(code) -> list[str]:
    """Names that code and the functions within it look up, in a fixed order."""
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return sorted({*code.co_names, *(name for each in inner for name in _names(each))})


def _methods(value) -> list:
    """Functions of an object's class."""
    members = vars(type(value)).values()
    return [each for each in members if isinstance(each, types.FunctionType)]


def _full(cell) -> bool:
    """Whether a variable of an outer function has been set."""
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _is_installed(value) -> bool:
    """Whether a function or class is of an installed package or of Python itself."""
    code = getattr(value, "__code__", None)
    if code is not None:
        return code.co_filename.startswith(_LIBRARIES)
    home = value.__module__.partition(".")[0]
    return home != PACKAGE and home in _installed()


@functools.cache
def _installed() -> frozenset[str]:
    import importlib.metadata
    import sys

    packages = importlib.metadata.packages_distributions()
    return frozenset({*packages, *sys.stdlib_module_names})


def _name(value) -> bytes:
    module = getattr(value, "__module__", "")
    return f"{module}.{getattr(value, '__qualname__', value.__name__)}".encode()
