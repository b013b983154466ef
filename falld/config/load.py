"""From a YAML file to a `Config`, or to every mistake in it at once, each with its line."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from falld import described
from falld.config.schema import Config
from falld.config.versions import MIGRATIONS, VERSION, Migration
from falld.errors import FalldError

DEFAULT_PATH = Path("/etc/falld/falld.yaml")
EXAMPLE = "see deploy/falld.example.yaml"
SECRETS = {"password", "passwd", "pass", "secret", "token", "credentials"}
PLACES_OF_SECRETS = {"password_file", "password_env", "password_credential", "key_file", "key_credential"}
UNTOLD = "something that may hold a password"
"""Instead of a value that stands where a place is to be named, or looks like `user:password@host`."""
_QUOTED_NAME = re.compile(r"""(alias|tag|handle) ['"].*""")
"""YAML takes what begins with * or ! for a name; a password may begin so."""
EXPECTED = {
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "invalid_key": "a key that is text",
    "is_instance_of": "a path",
    "model_type": "a mapping",
    "string_type": "text",
    "tuple_type": "a list",
}
"""What a key wants, by pydantic's name for the mistake."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Problem:
    line: int
    key: str
    """Dotted, e.g. `routes[0].broker.host`."""
    what: str
    remedy: str


class ConfigError(FalldError):
    """The configuration cannot be used; one line a problem, in the order of the file."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.path = path
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        first = self.problems[0]
        super().__init__(self._place(first), first.what, first.remedy)

    @property
    def summary(self) -> str:
        """In one line, without the file."""
        first, count = self.problems[0], len(self.problems)
        place = f" in line {first.line}" if first.line else ""
        key = f" {first.key}:" if first.key else ""
        more = f" (and {count - 1} more)" if count > 1 else ""
        return f"is broken{place}:{key} {first.what}{more}"

    def _place(self, problem: Problem) -> str:
        line = f":{problem.line}" if problem.line else ""
        return f"{self.path}{line}" + (f": {problem.key}" if problem.key else "")

    def __str__(self) -> str:
        return "\n".join(f"{self._place(p)}: {p.what}; {p.remedy}" for p in self.problems)


class UnreadableConfig(ConfigError):
    """There is no text to look at."""


def load(path: Path) -> Config:
    """Reads and checks a configuration file.

    Raises:
        UnreadableConfig: the file cannot be read.
        ConfigError: something in it is not as it must be.
    """
    return parse(read(path), path)


def read(path: Path) -> str:
    """The text of a configuration file.

    Raises:
        UnreadableConfig: it cannot be read, or is none.
    """
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnreadableConfig(path, [Problem(0, "", f"cannot be read: {error.strerror}", EXAMPLE)]) from None
    except UnicodeDecodeError:
        raise UnreadableConfig(path, [Problem(0, "", "is not UTF-8 text", "save it as UTF-8")]) from None


def parse(text: str, path: Path, *, migrations: Mapping[int, Migration] = MIGRATIONS) -> Config:
    """Checks what is, or is to be, the content of a configuration file; the log tells what an older one is to change.

    Args:
        migrations: from older versions, without a gap.

    Raises:
        ConfigError: something in it is not as it must be.
    """
    root = _compose(text, path)
    older = range(_version(_child(root, "version"), path, migrations), VERSION)
    problems = list(_duplicates(root, (), set()))
    try:
        data = yaml.SafeLoader("").construct_document(root)
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(path, [*problems, _syntax(error)]) from None
    if problems and older:
        raise ConfigError(path, problems)
    for version in older:
        data = migrations[version].change(data) | {"version": version + 1}
    try:
        config = Config.model_validate(data, context={"base": path.absolute().parent})
    except ValidationError as error:
        problems += [_problem(root, details) for details in error.errors(include_url=False)]
    if problems:
        raise ConfigError(path, problems)
    for version in older:
        remedy = f"write `version: {version + 1}`, and {migrations[version].remedy}"
        log.warning(
            "%s:%d: version: %d is read as %d; %s", path, _find(root, ("version",))[1], version, version + 1, remedy
        )
    return config


def json_schema() -> dict[str, Any]:
    """The file's schema, for editors."""
    return described.json_schema(Config) | {"title": "falld configuration"}


def _compose(text: str, path: Path) -> yaml.Node:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError(path, [_syntax(error)]) from None
    if not isinstance(root, yaml.MappingNode):
        found = "an empty file" if root is None else _found(root)
        raise ConfigError(path, [Problem(0, "", f"expected keys and values, found {found}", EXAMPLE)])
    return root


def _version(node: yaml.Node | None, path: Path, migrations: Mapping[int, Migration]) -> int:
    """What the file says, where that can be read."""
    if not isinstance(node, yaml.ScalarNode) or node.value == str(VERSION):
        return VERSION  # that it is missing, or no number, its check tells
    said = int(node.value) if re.fullmatch(r"[0-9]{1,9}", node.value) else -1
    if said in migrations:
        return said
    if said > VERSION:
        what, remedy = f"expected {VERSION} at most, found {said}, which is of a newer falld", "update falld"
    else:
        known = ", ".join(map(str, [*sorted(migrations), VERSION]))
        what, remedy = f"expected {known}, found {_found(node)}", f"rewrite the file, {EXAMPLE}"
    raise ConfigError(path, [Problem(_line(node), "version", what, remedy)])


def _syntax(error: yaml.YAMLError | ValueError) -> Problem:
    """Without the excerpt that yaml gives: it might show a secret."""
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or "a value that cannot be read"
    what = _QUOTED_NAME.sub(r"\1", what)
    line, column = (mark.line + 1, f", column {mark.column + 1}") if mark is not None else (0, "")
    return Problem(line, "", f"not YAML: {what}{column}", "check indents and quotes there")


def _duplicates(node: yaml.Node, at: tuple[str | int, ...], seen: set[int]) -> Iterator[Problem]:
    if id(node) in seen:  # an alias, maybe to its own parent
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            here = (*at, str(key.value))
            if here[-1] in first:
                what = f"the key is given twice, first in line {first[str(here[-1])]}"
                yield Problem(_line(key), _dotted(here), what, "keep one of them")
            first.setdefault(str(here[-1]), _line(key))
            yield from _duplicates(value, here, seen)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _duplicates(value, (*at, index), seen)


def _problem(root: yaml.Node, details: ErrorDetails) -> Problem:
    at = tuple(details["loc"])
    node, line = _find(root, at)
    kind, key = details["type"], str(at[-1]) if at else ""
    remedy = f"correct it, {EXAMPLE}"
    if kind == "falld":
        what, remedy = details["msg"], str(details["ctx"]["remedy"])
    elif kind == "extra_forbidden":
        what, remedy = "unknown key", _unknown(key, at)
    elif kind == "missing":
        add = f"version: {VERSION}" if at == ("version",) else f"{key}: ..."
        what, remedy = "expected this key, found none", f"add `{add}`, {EXAMPLE}"
    else:
        what = f"expected {_expected(details)}, found {_found(node)}"
        if kind == "string_type" and isinstance(node, yaml.ScalarNode) and node.value:
            what, remedy = f"{what}, which YAML does not take for text", f'put it in quotes: "{node.value}"'
    if isinstance(node, yaml.ScalarNode) and node.value and ("@" in node.value or key in PLACES_OF_SECRETS):
        what = re.sub(rf'found "?{re.escape(node.value)}"?', f"found {UNTOLD}", what)
        remedy = remedy.replace(f'"{node.value}"', '"..."')
    return Problem(line, _dotted(at), what, remedy)


def _expected(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    match kind:
        case "literal_error":
            return str(context["expected"])
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            return f"a number {kind.replace('_', ' ').replace('equal', 'or equal to')} {next(iter(context.values())):g}"
        case _:
            return EXPECTED.get(kind) or details["msg"]


def _unknown(key: str, at: tuple[str | int, ...]) -> str:
    if key.lower() in SECRETS:
        return (
            "no secret is kept in this file: say where it is with `password_file: PATH`, "
            "`password_env: VARIABLE` or `password_credential: NAME`"
        )
    known = list(_model(at[:-1]).model_fields)
    near = difflib.get_close_matches(key, known, n=1)
    return f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"


def _model(at: Sequence[str | int]) -> type[BaseModel]:
    """The model whose keys stand at a place."""
    model: type[BaseModel] = Config
    for key in at:
        if isinstance(key, str):
            annotation = model.model_fields[key].annotation
            kinds = [annotation, *get_args(annotation)]
            model = next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
    return model


def _find(root: yaml.Node, at: tuple[str | int, ...]) -> tuple[yaml.Node | None, int]:
    """The node at a place and its line; where it is not written, None and the line of what should hold it."""
    node, line = root, 1
    for key in at:
        child = _child(node, key)
        if child is None:
            return None, line
        node, line = child, _key_line(node, key)
    return node, line


def _child(node: yaml.Node, key: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for name, value in node.value if name.value == str(key)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        item: yaml.Node = node.value[key]
        return item
    return None


def _key_line(node: yaml.Node, key: str | int) -> int:
    if isinstance(node, yaml.MappingNode):
        return next(_line(name) for name, _ in node.value if name.value == str(key))
    return _line(node.value[key])


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _found(node: yaml.Node | None) -> str:
    match node:
        case yaml.MappingNode():
            return "a mapping"
        case yaml.SequenceNode():
            return "a list"
        case yaml.ScalarNode():
            quoted = f'"{node.value}"' if node.style in ("'", '"') else str(node.value)
            return quoted if node.value else "nothing"
        case _:
            return "nothing"


def _dotted(at: Sequence[str | int]) -> str:
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in at).removeprefix(".")
