"""JSON Schemas of models in which each key is described by the docstring below it.

The docstrings are read from the source when a schema is asked for: pydantic would read them whenever a model is
imported, which takes a daemon a tenth of its start and 2 MB.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, get_args

from pydantic import BaseModel


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """A model's schema, with those of the models in it."""
    schema = model.model_json_schema()
    for each in _models(model):
        properties = schema["properties"] if each is model else schema["$defs"][each.__name__]["properties"]
        for key, text in _docstrings(each).items():
            properties[key] = dict(sorted({**properties[key], "description": text}.items()))
    return schema


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for kind in _kinds(field.annotation):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _models(kind)


def _kinds(annotation: Any) -> Iterator[Any]:
    yield annotation
    for each in get_args(annotation):
        yield from _kinds(each)


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """By field, also those of the models that it is made from."""
    found: dict[str, str] = {}
    for each in reversed(model.__mro__[: model.__mro__.index(BaseModel)]):
        (source,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(source, ast.ClassDef)
        for field, below in pairwise(source.body):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=key)), ast.Expr(value=ast.Constant(value=str(text))):
                    if key in model.model_fields:
                        found[key] = inspect.cleandoc(text)
    return found
