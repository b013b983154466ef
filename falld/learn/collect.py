"""What responders answered, with the clips of those alerts, as one more data set to learn from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from falld.alert.clip import samples
from falld.errors import FalldError
from falld.hub.clips import KeptClip, UnknownClip
from falld.hub.store import Entry, Store
from falld.learn.groups import HOME
from falld.samples.archive_writer import ArchiveWriter
from falld.samples.block import Block
from falld.samples.recording import FallSpan, Meta

Verdict = Literal["fall", "false alarm"]
Doubt = Literal["no fall", "not answered", "not closed", "contradicted", "several falls", "never raised", "cancelled"]


class CollectError(FalldError):
    """There is nothing to collect."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An alert that has a clip, with what all hubs were answered."""

    entry: Entry
    clip: KeptClip


def verdict(entry: Entry) -> Verdict | Doubt:
    """What the answers to an alert say of its first fall; a doubt teaches nothing.

    - `false_alarm` says that nobody fell, whoever was on the way meanwhile and whatever the wearer did.
    - `resolved` says that it was none, for that is what `false_alarm` is for: somebody saw to it and closed it. It
      counts for an alert that was raised, as of another one nobody was called, and not where the wearer cancelled,
      for then the two contradict each other.
    - `seen` and `attending` say that a person knows and that one is on the way: not what they find there.
    - The clip is of the first fall. Of several, a `resolved` does not say which was one; a `false_alarm` says it of
      all.
    """
    if entry.latest is None or entry.latest.kind != "fall":
        return "no fall"
    said = {reply.response for reply in entry.replies}
    if not said:
        return "not answered"
    if {"resolved", "false_alarm"} <= said:
        return "contradicted"
    if "false_alarm" in said:
        return "false alarm"
    if "resolved" not in said:
        return "not closed"
    if entry.standing.raised_by is None:
        return "never raised"
    if entry.standing.state == "cancelled":
        return "cancelled"
    return "fall" if entry.standing.falls <= 1 else "several falls"


def answered(stores: Iterable[Path]) -> list[Answered]:
    """The alerts with a clip in these hubs' stores, oldest first; one that several hubs know is there once.

    Raises:
        StoreError: a store cannot be read.
    """
    entries: dict[tuple[str, str], Entry] = {}
    clips: dict[tuple[str, str], KeptClip] = {}
    for path in stores:
        with closing(Store.open(path, create=False)) as store:
            for entry in store.entries():
                key = entry.alert_id, entry.home
                entries[key] = _merged(entries[key], entry) if key in entries else entry
                if entry.clip and key not in clips and (clip := _clip(store, entry)) is not None:
                    clips[key] = clip
    return [Answered(entries[key], clips[key]) for key in sorted(clips)]


def collect(stores: Iterable[Path], out: Path, placements: Mapping[str, str]) -> Counter[Verdict | Doubt]:
    """Write an archive of the clips whose alerts were answered for certain.

    A subject is `HOME/WEARER`: both are opaque.

    Args:
        stores: of the hubs.
        out: `NAME.parquet`.
        placements: where each wearable sits, by its id in an alert; under "" where all others do. Else unknown.

    Returns:
        How many alerts with a clip came to what; `fall` and `false alarm` are in the archive.

    Raises:
        StoreError: a store cannot be read.
        CollectError: none was answered for certain.
        RecordingError: the archive cannot be written.
    """
    found = [(one, verdict(one.entry)) for one in answered(stores)]
    counts: Counter[Verdict | Doubt] = Counter(said for _, said in found)
    if not counts["fall"] + counts["false alarm"]:
        what = f"none of {len(found)} alerts with a clip was answered by resolved or false_alarm for certain"
        raise CollectError(str(out), what, "answer alerts with `falld hub respond`, or collect later")
    with ArchiveWriter(out) as archive:
        for one, said in found:
            if said in ("fall", "false alarm"):
                archive.add(_meta(one, placements, is_fall=said == "fall"), _blocks(one))
    return counts


def _meta(one: Answered, placements: Mapping[str, str], *, is_fall: bool) -> Meta:
    alert, clip = one.entry.latest, one.clip.clip
    assert alert is not None  # as the verdict made sure
    first = alert.sources[0] if alert.sources else ""
    impact = FallSpan(None, clip.impact_index / clip.rate_hz)
    return Meta(
        placement=placements.get(first, placements.get("", "unknown")),
        sample_rate_hz=clip.rate_hz,
        subject=f"{one.entry.home}/{alert.wearer}",
        source=HOME,
        is_fall=is_fall,
        falls=(impact,) if is_fall else (),
    )


def _blocks(one: Answered) -> Iterator[Block]:
    yield Block(*samples(one.clip.clip))


def _clip(store: Store, entry: Entry) -> KeptClip | None:
    """None: the running hub made room a moment ago."""
    try:
        return store.clips.find(entry.alert_id, entry.home)
    except UnknownClip:
        return None


def _merged(one: Entry, other: Entry) -> Entry:
    """What two hubs know of one alert: the standing of who heard more, and the answers of both."""
    further = max(one, other, key=lambda entry: entry.standing.last_seq)
    return replace(further, replies=one.replies + other.replies)
