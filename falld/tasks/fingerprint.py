"""What a result was made of: source text, and the bytes of recordings."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import falld
from falld.errors import FalldError
from falld.samples.archive import SUFFIX, index_path
from falld.samples.csvfile import yaml_path
from falld.samples.digest import digest

__all__ = ["code", "digest", "libraries", "recordings"]

_LIBRARIES = ("numpy", "onnxruntime", "pyarrow", "scikit-learn", "scipy")
"""Whose arithmetic is in results, or which read what they are made of."""


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


@cache
def libraries() -> dict[str, str]:
    """The versions of Python and of what falld computes with, as far as it is here; other ones may round otherwise."""
    found = {"falld": falld.__version__, "Python": ".".join(platform.python_version_tuple()[:2])}
    for name in _LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "none"
    return found


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
