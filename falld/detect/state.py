"""The detector's state as bytes: plain values and arrays, nothing that could run."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np

from falld.errors import FalldError

VERSION = 3


class StateError(FalldError):
    """A saved state that cannot be gone on with."""


def pack(state: dict[str, Any], model: str) -> bytes:
    """Nested dicts of numbers, text, None and arrays, to bytes."""
    arrays: dict[str, Any] = {}
    plain = {"version": VERSION, "model": model, "state": _split(state, "", arrays)}
    arrays["plain"] = np.frombuffer(json.dumps(plain).encode(), np.uint8)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def unpack(data: bytes, model: str) -> dict[str, Any]:
    """What `pack` was given.

    Raises:
        StateError: not a state, or one of another version or bundle.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            plain = json.loads(arrays["plain"].tobytes())
            made_by = plain["version"], plain["model"]
            if made_by != (VERSION, model):
                what = f"is of version {made_by[0]} with {made_by[1]}, not {VERSION} with {model}"
                raise StateError("the detector's state", what, "begin without it")
            joined: dict[str, Any] = _join(plain["state"], arrays)
            return joined
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise StateError("the detector's state", f"cannot be read ({error})", "begin without it") from None


def _split(value: Any, path: str, arrays: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _split(item, f"{path}/{key}", arrays) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        arrays[path] = value
        return {"": path}
    if isinstance(value, float) and not np.isfinite(value):
        return {"": str(value)}
    return value


def _join(value: Any, arrays: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if set(value) == {""}:
        return arrays[value[""]] if value[""].startswith("/") else float(value[""])
    return {key: _join(item, arrays) for key, item in value.items()}
