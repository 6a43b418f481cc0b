"""Names of a package that are imported at their first use (PEP 562)."""

import contextlib
import gc
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# New objects between two rounds of the garbage collector. TensorFlow's import makes
# some 300,000 that stay, and with Python's 700 the rounds take a quarter of its time.
COLLECT_AFTER = 50_000


@contextlib.contextmanager
def fewer_collections() -> Iterator[None]:
    """Collects garbage less often, as while TensorFlow is imported."""
    before = gc.get_threshold()
    gc.set_threshold(COLLECT_AFTER, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def attach(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Returns a package's `__getattr__`, `__dir__` and `__all__`.

    TensorFlow takes seconds to import, so a package that offers names must not import
    their modules before one of them is used.

    Args:
        package: `__name__` of the package.
        homes: `{name: module that defines it}`, modules relative to the package. A
            module that ends in a dot stands for the submodule of that name itself.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = homes[name]
        with fewer_collections():
            module = importlib.import_module(f".{home.rstrip('.')}", package)
        value = module if home.endswith(".") else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    def __dir__() -> list[str]:  # noqa: N807
        return sorted({*vars(sys.modules[package]), *homes})

    return __getattr__, __dir__, list(homes)
