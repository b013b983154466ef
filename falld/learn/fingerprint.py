"""What a result was made of: source text, and the bytes of recordings."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import falld
from falld.errors import FalldError
from falld.samples.archive import SUFFIX, index_path
from falld.samples.csvfile import yaml_path


def digest(*parts: str | bytes) -> str:
    """A name for what consists of these parts."""
    found = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        found.update(len(data).to_bytes(8, "little") + data)
    return found.hexdigest()


@cache
def code(module: str) -> str:
    """The text of a module and of all of falld that it imports, as a digest: the same as long as nothing in it changes.

    Args:
        module: its name.
    """
    texts: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in texts and (text := _text(name)) is not None:
            texts[name] = text
            waiting += _imported(text)
    return digest(falld.__version__, *(part for name in sorted(texts) for part in (name, texts[name])))


def _text(module: str) -> str | None:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return None
    return Path(spec.origin).read_text("utf-8") if spec is not None and spec.origin is not None else None


def _imported(text: str) -> Iterator[str]:
    package = falld.__name__
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module.split(".")[0] == package:
            # What is taken from a package may itself be a module.
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == package)


def recordings(source: str) -> str:
    """The bytes of an archive with its index, or of a recording with its description, as a digest.

    Raises:
        FalldError: they cannot be read.
    """
    beside = index_path(source) if source.endswith(SUFFIX) else yaml_path(source)
    try:
        return digest(*(path.read_bytes() if path.exists() else b"" for path in (Path(source), Path(beside))))
    except OSError as error:
        raise FalldError(source, f"cannot be read: {error.strerror}", "make it readable") from error
