"""The reference page of the configuration file, made from its schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from falld.config.load import DEFAULT_PATH, json_schema

HEAD = f"""# The configuration file

`falld run -c FILE`, most often `{DEFAULT_PATH}`. It is YAML in UTF-8; a key that falld does not know is a mistake.
`falld config init` makes one, `falld config check` tells every mistake in one, and
[deploy/falld.example.yaml](../deploy/falld.example.yaml) shows every key. For completion in an editor, write
`falld config schema` to a file and name it in the first line of the configuration:
`# yaml-language-server: $schema=falld.schema.json`.

On SIGHUP (`systemctl reload falld`) a running `falld run` reads the file again, and takes over what changed while it
runs: wearables and buttons of which nothing changed stream on untouched, open alerts keep their deadlines. `home`,
`state_dir`, `routes`, `detector.bundle`, `detector.shadow` and `clips.send` are read at the start alone: where one of
them changed, health has a fault until falld starts again. A password is read anew too, and tried with the next
connection, at once where there is none; that of an environment variable or of a systemd credential stays what it was
when the service started. Certificates and their keys are read on every connect. Where the file is broken, or a password
cannot be had, what ran before goes on, and log and health tell it.

This page is made of the schema by `falld config schema --markdown`.
"""


def page() -> str:
    """The page, in Markdown."""
    schema = json_schema()
    return HEAD + "".join(_sections(schema, schema, ""))


def _sections(model: dict[str, Any], schema: dict[str, Any], at: str) -> Iterator[str]:
    """A model's section, then those of the models in it, in the order of the file."""
    yield f"\n## {f'`{at}`' if at else 'The file'}\n\n{_line(model['description'])}\n\n"
    yield "| key | value | default | |\n|---|---|---|---|\n"
    inner: list[tuple[str, dict[str, Any]]] = []
    for key, field in model["properties"].items():
        target, suffix = _target(field)
        if target is not None:
            inner.append((f"{at}.{key}{suffix}".removeprefix("."), schema["$defs"][target]))
        value = "a list" if suffix else "keys" if target is not None else _value(field)
        default = "**required**" if key in model.get("required", ()) else _default(field)
        yield f"| `{key}` | {_cell(value)} | {_cell(default)} | {_cell(_meaning(field, schema))} |\n"
    for where, each in inner:
        yield from _sections(each, schema, where)


def _target(field: dict[str, Any]) -> tuple[str | None, str]:
    """The model that a key holds, and `[]` where it holds a list of it."""
    suffix = "[]" if "items" in field else ""
    ref = field.get("items", field).get("$ref")
    return (None if ref is None else str(ref).rsplit("/", 1)[-1]), suffix


def _value(field: dict[str, Any]) -> str:
    """What a key takes, in words; that it takes nothing too is told by its default."""
    kind = next((each for each in field.get("anyOf", ()) if each.get("type") != "null"), field)
    if "const" in kind:
        return f"`{kind['const']}`"
    if "enum" in kind:
        return ", ".join(f"`{each}`" for each in kind["enum"])
    if kind.get("format") == "path":
        return "a path"
    if kind["type"] == "array":
        return f"a list, each {_value(kind['items'])}"
    words = {"boolean": "`true`, `false`", "integer": "a whole number", "number": "a number", "string": "text"}
    return words[kind["type"]] + _limits(kind)


def _limits(kind: dict[str, Any]) -> str:
    low, above = kind.get("minimum"), kind.get("exclusiveMinimum")
    if low is None and above is None:
        return ""
    least = f"from {low:g}" if low is not None else f"above {above:g}"
    return f" {least}, at most {kind['maximum']:g}"


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    match default:
        case None | [] | {}:
            return ""
        case dict():
            return "as below"
        case bool():
            return f"`{str(default).lower()}`"
        case float():
            return f"`{default:g}`"
        case _:
            return f"`{default}`"


def _meaning(field: dict[str, Any], schema: dict[str, Any]) -> str:
    """Where it is what the model's section says, the schema says it there alone."""
    target, _ = _target(field)
    said = field.get("description") or schema["$defs"][target]["description"]
    absent = "left out" if field.get("default") is None else "`null`"
    text = _line(said).replace(". None:", f". {absent.capitalize()}:").replace("None:", f"{absent}:")
    return text[0].upper() + text[1:]


def _line(text: str) -> str:
    return " ".join(text.split())


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
