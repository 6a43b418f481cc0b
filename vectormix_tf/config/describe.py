"""Documentation, types and forms that are made from the settings.

`python -m vectormix_tf.config.describe` in a checkout writes all of it anew; a test
holds that what is committed is what this module makes.
"""

import dataclasses
import inspect
import pathlib
from collections.abc import Mapping
from typing import Any

from vectormix_tf.config.dream import DreamSettings, ZoomSettings
from vectormix_tf.config.export import ExportSettings
from vectormix_tf.config.film import DreamFilmSettings, FilmSettings
from vectormix_tf.config.mix import MixSettings
from vectormix_tf.config.setting import Setting, of, settings_of, span
from vectormix_tf.config.visualize import VisualizeSettings

# Classes of settings, by the function that they belong to.
CLASSES: Mapping[str, type] = {
    "mix": MixSettings,
    "dream": DreamSettings,
    "zoom": ZoomSettings,
    "film": FilmSettings,
    "dream_film": DreamFilmSettings,
    "visualize": VisualizeSettings,
    "export": ExportSettings,
}
# Functions that are no commands of their own, and how the command line calls them.
CALLED = {"dream_film": "film --dream"}
# Films, and what their first frame is.
BEGUN_BY = {"zoom": "dream", "film": "mix", "dream_film": "dream"}
OPTIONS = "vectormix_tf/config/options.py"
PAGE = "examples/SETTINGS.md"
SLIDER_STEPS = 20  # of a number in a notebook's form


# --- The page of settings -------------------------------------------------------------


def page() -> str:
    """Markdown: a table of all settings for each command."""
    lines = [
        "# Settings",
        "",
        "Every setting of pictures, films and exports: a flag `--name=value` on the",
        "command line, an option `name=value` in Python. `vectormix COMMAND --help`",
        "shows the same.",
        "",
        "An exported model takes those marked *request* with every full request, and",
        "those marked *short* with short requests too. Those marked *export* are fixed",
        "when it is exported; the others do not apply to it.",
    ]
    for command in CLASSES:
        served = command in ("mix", "dream")
        head = ["setting", "default", "values", "", *(["served"] if served else [])]
        title = CALLED.get(command, command)
        lines += ["", f"## {title}", "", _row(head), _row(["---"] * len(head))]
        lines += [_row(_cells(field, served)) for field in _own(command)]
        if command in BEGUN_BY:
            base = BEGUN_BY[command]
            lines += ["", f"And those of [{base}](#{base}), which is its first frame."]
    return "\n".join(lines) + "\n"


def _own(command: str) -> list[dataclasses.Field[Any]]:
    """The settings of a command; of films those that their first frame has not."""
    base = BEGUN_BY.get(command)
    others = settings_of(CLASSES[base]) if base else {}
    return [
        field
        for field in dataclasses.fields(CLASSES[command])
        if of(field).help_text != getattr(others.get(field.name), "help_text", None)
    ]


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


_PLACES = {"local": "", "fixed": "export", "open": "request", "short": "short"}


def _cells(field: dataclasses.Field[Any], served: bool) -> list[str]:
    setting = of(field)
    cells = [f"`{field.name}`", _default(field), values(setting), setting.help_text]
    cells = [cell.replace("|", "\\|") for cell in cells]
    return cells + ([_PLACES[setting.served]] if served else [])


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING:
        return "needed"
    default = field.default
    if of(field).several:
        default = ", ".join(map(str, default))
    if of(field).kind is bool:
        default = str(default).lower()
    return "" if default in (None, "") else f"`{default}`"


def values(setting: Setting) -> str:
    """What a setting may be, in a few words."""
    if setting.kind is bool:
        return "true, false"
    if setting.low is not None:
        return f"{'several in ' * setting.several}{span(setting)}"
    names = [f"`{each}`" for each in setting.choices or () if each]
    return " ".join([*names, *([f"or {setting.file}"] if setting.file else [])])


# --- Types of the public API ----------------------------------------------------------


def options() -> str:
    """The module `config/options.py`: a TypedDict for each class of settings."""
    lines = [
        '"""Types of the options that `mix`, `dream`, ... take by name.',
        "",
        "Made by `python -m vectormix_tf.config.describe`; edit the settings instead.",
        '"""',
        "",
        "from collections.abc import Sequence",
        "from os import PathLike",
        "from typing import Literal, TypedDict",
    ]
    for command, kind in CLASSES.items():
        lines += ["", "", f"class {_options_name(kind)}(TypedDict, total=False):"]
        lines += [f'    """Options of `{command}`; see `{kind.__name__}`."""', ""]
        for field in dataclasses.fields(kind):
            lines += _annotation(f"    {field.name}: ", _type(field))
    return "\n".join(lines) + "\n"


def _options_name(kind: type) -> str:
    return f"{kind.__name__.removesuffix('Settings')}Options"


def _type(field: dataclasses.Field[Any]) -> list[str]:
    """The types that a setting may have; a union."""
    setting = of(field)
    annotated = inspect.formatannotation(field.type)
    if setting.several:
        return ["float", "Sequence[float]"]
    if setting.choices is not None and not setting.file:
        # A list is a registry to which a program adds names of its own.
        if isinstance(setting.choices, list):
            return ["str"]
        names = [f'"{each}"' for each in setting.choices]
        return [f"Literal[{', '.join(names + ['None'] * setting.optional)}]"]
    if setting.file:
        return ["str", "PathLike[str]"]
    if field.name == "channels":
        return ["str", "int", "Sequence[int]"]
    return annotated.split(" | ")


WIDTH = 88


def _annotation(start: str, union: list[str]) -> list[str]:
    """A line of a class, or several where it would be too long."""
    line = start + " | ".join(union)
    if len(line) <= WIDTH:
        return [line]
    name, inner = union[0].split("[", 1)
    names = [f"        {each}," for each in inner.rstrip("]").split(", ")]
    return [f"{start}{name}[", *names, "    ]"]


# --- Forms of notebooks ---------------------------------------------------------------


def form(kind: type, name: str, value: Any) -> str:
    """A line of a notebook's form that sets a variable of a setting's name.

    Args:
        kind: The settings class.
        name: Of the setting.
        value: The one that stands there.
    """
    setting = settings_of(kind)[name]
    if setting.choices is not None and not setting.file and not setting.optional:
        names = ", ".join(f'"{each}"' for each in setting.choices)
        kind_of = f"[{names}]"
    elif setting.kind is float and (setting.low, setting.high) == (0, 1):
        kind_of = f'{{type:"slider", min:0, max:1, step:{1 / SLIDER_STEPS:g}}}'
    else:
        number = {int: "integer", float: "number", bool: "boolean"}
        whole = isinstance(value, int) and not isinstance(value, bool)
        word = "integer" if whole else number.get(setting.kind, "string")
        kind_of = f'{{type:"{word}"}}'
    shown = f'"{value}"' if isinstance(value, str) else repr(value)
    return f"{name} = {shown}  # @param {kind_of}"


def write(root: pathlib.Path) -> None:
    """Writes the page and the types into a checkout."""
    (root / PAGE).write_text(page(), encoding="utf-8")
    (root / OPTIONS).write_text(options(), encoding="utf-8")


if __name__ == "__main__":
    write(pathlib.Path.cwd())
