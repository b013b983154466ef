"""What is known about a recording, as YAML beside a CSV."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import yaml

from falld.samples.recording import PLACEMENTS, FallSpan, Mark, Meta, RecordingError

MAX_RATE_HZ = 100_000.0
"""Above every accelerometer (wearables sample below 7 kHz, vibration sensors below 50 kHz), so that a slip of the pen
sizes no buffer."""
MAX_YAML_BYTES = 1 << 20
"""Some 7000 expected events of 150 bytes."""

YAML_KEYS = (
    "placement",
    "sensor",
    "sample_rate_hz",
    "range_g",
    "subject",
    "age",
    "sex",
    "source",
    "licence",
    "simulated",
    "falls",
    "events",
    "expected",
)
FALL_KEYS = ("onset_s", "impact_s", "end_s")
MARK_KEYS = ("t_s", "kind")
MARK_KINDS = ("cancel", "help", "marker")


def read_yaml(path: Path, where: str) -> Meta:
    """The description of one recording.

    Args:
        path: the file.
        where: its name in errors and warnings.

    Raises:
        RecordingError: it cannot be read, or a value has the wrong type.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_YAML_BYTES + 1)
    except OSError as error:
        raise RecordingError(where, f"cannot be read: {error.strerror}", "make it readable") from error
    if len(raw) > MAX_YAML_BYTES:
        raise RecordingError(
            where, f"is larger than {MAX_YAML_BYTES} bytes", "keep to the description of one recording"
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise RecordingError(f"{where}:{line}", "is not UTF-8", "save it as UTF-8") from error
    return parse_yaml(text, where)


def parse_yaml(text: str, where: str) -> Meta:
    """As `read_yaml`, of a text."""
    remedy = "mend the YAML, for example by quoting text that holds `:` or `#`"
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        value = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{where}:{mark.line + 1}" if mark else where
        raise RecordingError(place, f"is not YAML: {error.problem or error.context}", remedy) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise RecordingError(f"{where}:{line}", f"is not YAML: {error.reason}", remedy) from error
    except (ValueError, RecursionError) as error:
        raise RecordingError(
            where, f"holds a value that YAML cannot give: {error}", "quote it or take it out"
        ) from error
    if value is None:
        return Meta()
    fields = _Fields(where, "the description", value, node)
    fields.known(YAML_KEYS)
    spans = fields.mappings("falls", FALL_KEYS)
    marks = fields.mappings("events", MARK_KEYS)
    falls = tuple(FallSpan(*(span.number(key) for key in FALL_KEYS)) for span in spans or ())
    return Meta(
        placement=known_placement(fields.text("placement"), fields.at("placement"), fields.warnings),
        sensor=fields.text("sensor"),
        sample_rate_hz=fields.positive("sample_rate_hz", MAX_RATE_HZ),
        range_g=fields.positive("range_g"),
        subject=fields.text("subject"),
        age=fields.number("age"),
        sex=fields.text("sex"),
        source=fields.text("source"),
        licence=fields.text("licence"),
        simulated=bool(fields.flag("simulated")),
        is_fall=None if spans is None else bool(spans),
        falls=tuple(fall for fall in falls if fall != FallSpan(None, None)),
        events=tuple(Mark(mark.required_number("t_s"), mark.mark_kind()) for mark in marks or ()),
        expected=fields.plain_mappings("expected"),
        warnings=tuple(fields.warnings),
    )


def dump_yaml(meta: Meta) -> str:
    """The YAML that `parse_yaml` reads back; `activity`, `group` and `warnings` have no key and are left out."""
    out: dict[str, Any] = {"placement": meta.placement}
    for key in ("sensor", "sample_rate_hz", "range_g", "subject", "age", "sex", "source", "licence"):
        value = getattr(meta, key)
        if value is not None:
            out[key] = value
    if meta.simulated:
        out["simulated"] = True
    if meta.falls or meta.is_fall is not None:
        spans = [{key: s for key in FALL_KEYS if (s := getattr(fall, key)) is not None} for fall in meta.falls]
        out["falls"] = spans or ([{}] if meta.is_fall else [])
    if meta.events:
        out["events"] = [{"t_s": mark.t_s, "kind": mark.kind} for mark in meta.events]
    if meta.expected is not None:
        out["expected"] = list(meta.expected)
    # In ASCII: with allow_unicode PyYAML writes U+0085 so that it reads it back as a space.
    return yaml.safe_dump(out, sort_keys=False)


def known_placement(said: str | None, where: str, warnings: list[str]) -> str:
    """One of `PLACEMENTS`; another word is taken as unknown, with a warning at `where`."""
    if said is None or said in PLACEMENTS:
        return said or "unknown"
    warnings.append(f"{where}: placement {said[:40]!r} is taken as unknown{_nearest(said, PLACEMENTS)}")
    return "unknown"


def _nearest(word: str, known: Sequence[str]) -> str:
    match = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.0)
    return f"; the nearest known one is {match[0]}" if match else ""


class _Fields:
    """A YAML mapping whose values are asked for by type; a wrong one is an error with its line."""

    def __init__(
        self, where: str, name: str, value: Any, node: yaml.Node | None, warnings: list[str] | None = None
    ) -> None:
        self.where = where
        self.warnings: list[str] = [] if warnings is None else warnings
        self._nodes: dict[str, yaml.Node] = {}
        self._lines: dict[str, int] = {}
        self._line = 1 if node is None else node.start_mark.line + 1
        if not isinstance(value, dict):
            raise RecordingError(f"{where}:{self._line}", f"{name} is not a mapping", "write `key: value` lines")
        odd = [key for key in value if not isinstance(key, str)]
        if odd:
            raise RecordingError(
                f"{where}:{self._line}", f"the key {str(odd[0])[:40]} in {name} is not text", "quote it"
            )
        self._value: dict[str, Any] = value
        if isinstance(node, yaml.MappingNode):
            self._keep_lines(node)

    def _keep_lines(self, node: yaml.MappingNode) -> None:
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.value in self._lines:
                what = f"{key.value} is said twice, first in line {self._lines[key.value]}"
                raise RecordingError(f"{self.where}:{line}", what, "take one of them out")
            self._lines[key.value] = line
            self._nodes[key.value] = value

    def at(self, key: str) -> str:
        """FILE:LINE of a key."""
        return f"{self.where}:{self._lines.get(key, self._line)}"

    def known(self, keys: Sequence[str]) -> None:
        for key in self._value:
            if key not in keys:
                self.warnings.append(f"{self.at(key)}: unknown key {key[:40]!r}, ignored{_nearest(key[:40], keys)}")

    def text(self, key: str) -> str | None:
        value = self._value.get(key)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(key, "text", 'put it in quotes: "..."')

    def flag(self, key: str) -> bool | None:
        value = self._value.get(key)
        if value is None or isinstance(value, bool):
            return value
        raise self._wrong(key, "true or false", "write true or false without quotes")

    def number(self, key: str) -> float | None:
        value = self._value.get(key)
        if value is None:
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= 1e300:
            return float(value)
        raise self._wrong(key, "a number", "write it like 12.5, without quotes or unit")

    def positive(self, key: str, most: float = math.inf) -> float | None:
        value = self.number(key)
        if value is None or 0 < value <= most:
            return value
        raise self._wrong(key, "in its range", f"write a number above 0 and at most {most:g}")

    def required_number(self, key: str) -> float:
        value = self.number(key)
        if value is None:
            raise RecordingError(f"{self.where}:{self._line}", f"{key} is missing", f"write `{key}: ...`")
        return value

    def mark_kind(self) -> Literal["cancel", "help", "marker"]:
        kind = self.text("kind")
        if kind in MARK_KINDS:
            return cast(Literal["cancel", "help", "marker"], kind)
        raise self._wrong("kind", "a kind of event", f"write one of {', '.join(MARK_KINDS)}")

    def mappings(self, key: str, keys: Sequence[str]) -> list[_Fields] | None:
        items = self._list(key)
        return None if items is None else list(self._fields(key, items, keys))

    def plain_mappings(self, key: str) -> tuple[dict[str, Any], ...] | None:
        items = self._list(key)
        return None if items is None else tuple(field._value for field in self._fields(key, items, None))

    def _list(self, key: str) -> list[Any] | None:
        value = self._value.get(key)
        if value is None or isinstance(value, list):
            return value
        raise self._wrong(key, "a list", "write one `- ` line for each, or [] for none")

    def _fields(self, key: str, items: list[Any], keys: Sequence[str] | None) -> Iterator[_Fields]:
        node = self._nodes.get(key)
        nodes = node.value if isinstance(node, yaml.SequenceNode) else [None] * len(items)
        for i, (item, item_node) in enumerate(zip(items, nodes, strict=True)):
            fields = _Fields(self.where, f"{key}[{i}]", item, item_node, self.warnings)
            if keys is not None:
                fields.known(keys)
            yield fields

    def _wrong(self, key: str, wanted: str, remedy: str) -> RecordingError:
        shown = repr(self._value.get(key))[:40]
        return RecordingError(self.at(key), f"{key} is {shown}, not {wanted}", remedy)
