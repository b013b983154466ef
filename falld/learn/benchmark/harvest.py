"""One pass over the recordings: what happened in each, and what every method found there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

from falld.errors import FalldError
from falld.learn.baselines.method import Found, Method
from falld.learn.baselines.scouted import Scouted
from falld.learn.baselines.shipped import Shipped
from falld.learn.baselines.trace import Trace, trace
from falld.learn.benchmark.aftermath import aftermath
from falld.learn.benchmark.candidates import table_of
from falld.learn.benchmark.events import Gathered, gather, scouted
from falld.learn.benchmark.kept import packed, unpacked
from falld.learn.benchmark.whole import whole
from falld.learn.extract import Trial, dataset_of, trial_of
from falld.samples.catalogue import open_paths
from falld.samples.recording import Recording, RecordingError, Unusable
from falld.samples.survey import survey
from falld.tasks import fingerprint
from falld.tasks.cache import Cache

Progress = Callable[[str], None]


@dataclass
class Harvest:
    """Trials and events."""

    trials: list[Trial]
    aftermath: list[str]
    """Of each trial: `stays down`, `walks away`, `cannot be told`; empty where nobody fell."""
    whole: list[bool]
    """Of each trial: a fall that is judged where its data set is judged cleaned."""
    methods: list[Gathered]
    left_out: list[str]


def harvest(
    paths: Sequence[str],
    methods: Sequence[Method | Scouted],
    progress: Progress,
    *,
    only: Sequence[str] = (),
    cache: Cache,
) -> Harvest:
    """Run every method over every usable recording.

    Args:
        paths: recordings, archives, or folders of them.
        methods: at least one.
        progress: told a line for each file.
        only: data sets to keep to; all, if empty.
        cache: keeps what was found in each file.

    Raises:
        FalldError: there is nothing to judge, or what was kept is damaged.
    """
    found = Harvest([], [], [], [], [])
    files = _Files(cache, [method for method in methods if not isinstance(method, Scouted)], only)
    for source, recordings in groupby(open_paths(paths), key=lambda one: one.source):
        before = len(found.trials)
        courses = (course for recording in recordings if (course := _opened(recording, found, only)) is not None)
        files.add(source, courses)
        if len(found.trials) > before:
            progress(f"{source}: {len(found.trials) - before} recordings")
    if not found.trials:
        raise FalldError(", ".join(paths), "holds no recording to judge", "name other data, or look at --only")
    table = None
    for method in methods:
        if isinstance(method, Scouted):
            table = table or table_of(list(files.sources), found.trials, progress, only=only, cache=cache)
            found.methods.append(scouted(method, *table))
        else:
            found.methods.append(gather(method, found.trials, files.found[method.name], files.key(method)))
    return found


def _opened(recording: Recording | Unusable, found: Harvest, only: Sequence[str]) -> Trace | None:
    """What happened in a recording goes to `found`; its course, or None where it is left out."""
    if isinstance(recording, Unusable):
        found.left_out.append(str(recording.error))
        return None
    if only and dataset_of(recording) not in only:
        return None
    try:
        judged = survey(recording)
        trial, course = trial_of(recording, judged), trace(recording, judged.clock)
    except RecordingError as error:
        found.left_out.append(str(error))
        return None
    found.trials.append(trial)
    found.aftermath.append(aftermath(course, trial.truth.impact_s))
    found.whole.append(whole(course, trial.truth))
    return course


class _Files:
    """What methods found, file by file, each read from the cache where it is there."""

    def __init__(self, cache: Cache, methods: Sequence[Method], only: Sequence[str]) -> None:
        self._cache = cache
        self._methods = methods
        self._only = sorted(only)
        self.sources: dict[str, None] = {}
        self.found: dict[str, list[Found]] = {method.name: [] for method in methods}
        self._keys: dict[str, list[str]] = {method.name: [] for method in methods}

    def add(self, source: str, courses: Iterator[Trace]) -> None:
        """The recordings of one file, each looked at by every method of which nothing is kept."""
        first = next(courses, None)
        if first is None:
            return
        recordings = fingerprint.recordings(source) if self._cache.kept else ""
        keys = {method.name: self._key(method, recordings) for method in self._methods}
        kept = {name: self._cache.get(name, key) for name, key in keys.items()}
        new: dict[str, list[Found]] = {name: [] for name, arrays in kept.items() if arrays is None}
        for course in chain([first], courses):
            for method in self._methods:
                if method.name in new:
                    new[method.name].append(method.found(course))
        self.sources[source] = None
        for name, arrays in kept.items():
            if arrays is None:
                self._cache.put(name, keys[name], packed(new[name]))
            self.found[name] += new[name] if arrays is None else unpacked(arrays)
            self._keys[name].append(keys[name])

    def key(self, method: Method) -> str:
        """A digest of what all findings of a method were made of."""
        return fingerprint.digest(*self._keys[method.name])

    def _key(self, method: Method, recordings: str) -> str:
        if not self._cache.kept:
            return ""
        code = fingerprint.code(type(method).__module__)
        sums = method.sums if isinstance(method, Shipped) else ""
        return fingerprint.digest("found", code, method.name, sums, recordings, *self._only)
