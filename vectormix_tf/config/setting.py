"""What a setting is: everything that is known of it stands in one place.

A settings class is a frozen dataclass whose fields are made by the functions below:

    @settings_class
    class MixSettings(AmplifySettings):
        alpha: float = number(0.5, 0, 1, "share of the content: ...", served="short")

Its checks, flags, help, documentation, the types of the public API and what an exported
model tells and accepts are all made from these fields.
"""

import dataclasses
import os
import typing
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, TypeVar

import numpy as np

from vectormix_tf.errors import (
    InputError,
    check_boolean,
    check_choice,
    check_integer,
    check_number,
    close_names,
    is_known_or_file,
)

# Where an exported model takes a setting: "local": it has none (memory, files and tiles
# of this machine); "fixed": chosen when the model is exported; "open": in each full
# request; "short": in short requests too.
Served = Literal["local", "fixed", "open", "short"]

Parse = Callable[[str, Any], Any]  # (name, value) -> value, or an InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One setting, apart from its name and default.

    Attributes:
        kind: Type of a value: int, float, bool or str.
        help: What it does, in one line; `{choices}` stands for all of them.
        low: Least value of a number.
        high: Greatest value of a number.
        choices: All values of a text, or those that are not the path of a file.
        file: What else a text may be the path of, e.g. "a picture"; "" for nothing.
        several: Whether it is a tuple of values.
        optional: Whether None is a value: `help` says what it stands for.
        parse: Takes the place of the checks above, for values with a form of their own;
            a flag of such a setting is a text.
        served: Where an exported model takes it.
        unserved: Values that none takes; of a number, the least ones.
        flag: Whether the command line has a flag of that name.
    """

    kind: type
    help: str
    low: float | None = None
    high: float | None = None
    choices: Collection[str] | None = None
    file: str = ""
    several: bool = False
    optional: bool = False
    parse: Parse | None = None
    served: Served = "fixed"
    unserved: tuple[Any, ...] = ()
    flag: bool = True

    @property
    def help_text(self) -> str:
        """`help` with the choices there are now: statistics may have been added."""
        return self.help.replace("{choices}", ", ".join(self.choices or ()))

    def as_served(self) -> "Setting":
        """The setting without its values that no exported model takes."""
        if not self.unserved:
            return self
        if self.choices is None:
            return dataclasses.replace(self, low=max(self.unserved) + 1)
        choices = tuple(each for each in self.choices if each not in self.unserved)
        return dataclasses.replace(self, choices=choices)

    def check(self, name: str, value: Any) -> Any:
        """Returns a value in its normal form.

        Raises:
            InputError: If it is none that the setting may have; one line says why.
        """
        if value is None and self.optional:
            return None
        if self.file and isinstance(value, os.PathLike):
            value = os.fsdecode(value)
        if self.several:
            return self._check_several(name, value)
        if self.parse is not None:
            return self.parse(name, value)
        self._check_one(name, value)
        # NumPy's numbers too: records are of Python's.
        return value if self.kind is str else self.kind(value)

    def _check_several(self, name: str, value: Any) -> tuple[Any, ...]:
        values = value.tolist() if isinstance(value, np.ndarray | np.number) else value
        values = [values] if isinstance(values, int | float) else values
        if not isinstance(values, list | tuple):
            raise InputError(f"`{name}` must be numbers; received {values!r}.")
        for each in values:
            self._check_one(name, each)
        return tuple(self.kind(each) for each in values)

    def _check_one(self, name: str, value: Any) -> None:
        bounds: Any = self.low, self.high
        if self.kind is bool:
            check_boolean(name, value)
        elif self.kind is int:
            check_integer(name, value, *bounds)
        elif self.kind is float:
            check_number(name, value, *bounds)
        elif self.file:
            self._check_file(name, value)
        elif self.choices is not None:
            check_choice(name, value, self.choices)
        elif not isinstance(value, str):
            raise InputError(f"`{name}` must be a text; received {value!r}.")

    def _check_file(self, name: str, value: Any) -> None:
        if is_known_or_file(value, self.choices or ()):
            return
        named = [choice for choice in self.choices or () if choice]
        if named:
            raise InputError(
                f"`{name}` must be one of {', '.join(named)} or the path of"
                f" {self.file}; received {value!r}: {close_names(str(value), named)}"
            )
        raise InputError(
            f"`{name}` must be the path of {self.file}; there is no file {value!r}."
        )


def integer(default: Any, low: int, high: int, help: str, **others: Any) -> Any:  # noqa: A002
    """A field for a whole number in [low, high]; see `Setting` for `others`."""
    return _field(default, Setting(kind=int, low=low, high=high, help=help, **others))


def number(default: Any, low: float, high: float, help: str, **others: Any) -> Any:  # noqa: A002
    """A field for a number in [low, high]; see `Setting` for `others`."""
    return _field(default, Setting(kind=float, low=low, high=high, help=help, **others))


def boolean(default: bool, help: str, **others: Any) -> Any:  # noqa: A002
    """A field for true or false; see `Setting` for `others`."""
    return _field(default, Setting(kind=bool, help=help, **others))


def choice(default: Any, choices: Collection[str], help: str, **others: Any) -> Any:  # noqa: A002
    """A field for one of several names; see `Setting` for `others`."""
    return _field(default, Setting(kind=str, choices=choices, help=help, **others))


def text(default: Any, help: str, **others: Any) -> Any:  # noqa: A002
    """A field for a text; see `Setting` for `others`."""
    return _field(default, Setting(kind=str, help=help, **others))


def same(kind: type, name: str, **others: Any) -> Any:
    """A field like that of another settings class, but for `others`."""
    known = field_of(kind, name)
    return _field(
        others.pop("default", known.default), dataclasses.replace(of(known), **others)
    )


def _field(default: Any, setting: Setting) -> Any:
    return dataclasses.field(default=default, metadata={"setting": setting})


REQUIRED: Any = dataclasses.MISSING  # as a default: there is none


# --- Classes --------------------------------------------------------------------------

S = TypeVar("S")


# Without `field_specifiers`: to a type checker every setting has a default.
@typing.dataclass_transform(kw_only_default=True, frozen_default=True)
def settings_class(cls: type[S]) -> type[S]:
    """Makes a class of settings: a frozen dataclass whose values have been checked.

    Where the class has `given`, it first gets the values that are given, by name, and
    returns them with those that follow from them. All are checked and brought to their
    normal form before an object is made; then `complete`, if the class has it, gets
    them by name, fills in what depends on other settings and refuses what does not go
    together.
    """
    made: Any = dataclasses.dataclass(frozen=True, kw_only=True)(cls)
    assign = made.__init__  # sets what it is given

    def __init__(self: Any, **values: Any) -> None:  # noqa: N807
        assign(self, **_normal(made, values))

    made.__init__ = __init__
    made._assign = assign
    made.__doc__ = f"{made.__doc__.rstrip()}\n\n{_attributes(made)}"
    return cls


def _normal(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """All values of a settings class, checked one by one."""
    known = settings_of(cls)
    for name in values:
        if name not in known:
            raise InputError(f"unknown setting {name!r}; {close_names(name, known)}")
    values = cls.given(values) if hasattr(cls, "given") else values
    found = {}
    for field in dataclasses.fields(cls):
        value = values.get(field.name, field.default)
        if value is dataclasses.MISSING:
            raise InputError(
                f"`{field.name}` is missing: {known[field.name].help_text}."
            )
        found[field.name] = known[field.name].check(field.name, value)
    return cls.complete(found) if hasattr(cls, "complete") else found


def trusted(cls: type, values: Mapping[str, Any]) -> Any:
    """An object of a settings class with all its values, taken as they are.

    For settings that were checked on another machine, whose files are not here.
    """
    settings: Any = object.__new__(cls)
    settings._assign(**values)
    return settings


def combined(cls: type[S], settings: S | None, options: Mapping[str, Any]) -> S:
    """Returns the settings of a call: an object, single options, or both.

    Args:
        cls: The settings class.
        settings: What the caller passes as `settings=`, or None.
        options: Settings by name; they win over those of the object.

    Raises:
        InputError: If one of them cannot be used.
    """
    if settings is None:
        return cls(**options)
    if not isinstance(settings, cls):
        raise InputError(
            f"`settings` must be a {cls.__name__}; received {type(settings).__name__}."
        )
    if options.get("preset") is not None:  # all its settings have a value already
        raise InputError(
            "`preset` does not go with `settings`; make these with"
            f" {cls.__name__}(preset=...)."
        )
    return dataclasses.replace(settings, **options) if options else settings  # type: ignore[type-var]


def of(field: dataclasses.Field[Any]) -> Setting:
    """The setting of a field of a settings class."""
    setting: Setting = field.metadata["setting"]
    return setting


def field_of(cls: type, name: str) -> dataclasses.Field[Any]:
    """The field of a settings class that has this name."""
    return {field.name: field for field in dataclasses.fields(cls)}[name]


def settings_of(cls: type) -> dict[str, Setting]:
    """`{name: Setting}` of a settings class, in its order."""
    return {field.name: of(field) for field in dataclasses.fields(cls)}


def served_settings(cls: type, *served: Served) -> dict[str, Setting]:
    """Those of `settings_of` that an exported model takes in one of these places.

    They are as it takes them, without the values that it does not.
    """
    return {
        n: each.as_served()
        for n, each in settings_of(cls).items()
        if each.served in served
    }


def named_files(settings: Any) -> dict[str, str]:
    """`{setting: path}` of the files that settings name, if these are there.

    What is one of a setting's names is no file, even where there is one called so.
    """
    values = {
        name: getattr(settings, name)
        for name, each in settings_of(type(settings)).items()
        if each.file and getattr(settings, name) not in (each.choices or ())
    }
    return {name: path for name, path in values.items() if os.path.isfile(path)}


def files(settings: Any) -> list[str]:
    """Paths of the files that settings name, if these are there."""
    return list(named_files(settings).values())


def _attributes(cls: type) -> str:
    """The "Attributes" section of a settings class."""
    fields = dataclasses.fields(cls)
    lines = [f"        {field.name}: {describe(of(field))}" for field in fields]
    return "\n".join(["    Attributes:", *lines, "    "])


def describe(setting: Setting) -> str:
    """Help and range of a setting, a sentence each."""
    text = f"{setting.help_text[:1].upper()}{setting.help_text[1:]}."
    return text + (f" In {span(setting)}." if setting.low is not None else "")


def span(setting: Setting) -> str:
    """The range of a number, e.g. "[0, 1]"."""
    form = "g" if setting.kind is float else "d"
    return f"[{setting.low:{form}}, {setting.high:{form}}]"
