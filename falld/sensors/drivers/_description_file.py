"""From YAML to a description of a wearable, or to what is wrong with it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from falld.errors import FalldError
from falld.sensors.drivers._description import Description

EXAMPLE = "see docs/add-your-wearable.md"


class DescriptionError(FalldError):
    """A description that cannot be used; names its file and the key."""


class _Loader(yaml.SafeLoader):
    """Takes no key twice, of which YAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key for key, _ in node.value]
        for index, key in enumerate(keys):
            if key.value in [earlier.value for earlier in keys[:index]]:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
        return super().construct_mapping(node, deep)


def parse(text: str, where: str) -> Description:
    """A description from YAML.

    Raises:
        DescriptionError: it is not YAML, or something in it is not as it must be; the first thing.
    """
    try:
        data = yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{where}:{mark.line + 1}" if mark is not None else where
        what = getattr(error, "problem", None) or "a value that cannot be read"
        raise DescriptionError(place, f"not YAML: {what}", "check indents and quotes there") from None
    if not isinstance(data, dict):
        raise DescriptionError(where, "there are no keys and values in it", EXAMPLE)
    try:
        return Description.model_validate(data)
    except ValidationError as error:
        raise _told(error, where) from None


def _told(error: ValidationError, where: str) -> DescriptionError:
    details = error.errors(include_url=False)[0]
    kind, at = details["type"], [part for part in details["loc"] if part != "[key]"]
    what, remedy = details["msg"], EXAMPLE
    context = details.get("ctx", {})
    if kind == "falld":
        remedy = context["remedy"]
        at += [context["key"]] if context["key"] else []
    elif kind == "extra_forbidden":
        what = "unknown key"
        near = difflib.get_close_matches(str(at[-1]), all_keys(Description), n=1)
        remedy = f"did you mean {near[0]}?" if near else EXAMPLE
    elif kind == "missing":
        what, remedy = "it is missing", f"add it, {EXAMPLE}"
    elif kind == "string_type":
        remedy = "put it in quotes"
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).removeprefix(".")
    return DescriptionError(f"{where}: {key}" if key else where, what, remedy)


def all_keys(model: type[BaseModel]) -> Iterator[str]:
    """The keys of a description, or of a part of it, and of what they hold."""
    for name, field in model.model_fields.items():
        yield name
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from all_keys(kind)
