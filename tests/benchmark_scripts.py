"""Scripts of `benchmarks/`, which are not part of the package, as modules."""

import importlib.util


def load(root, name):
    """The module of `benchmarks/NAME.py`."""
    spec = importlib.util.spec_from_file_location(name, root / f"benchmarks/{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
