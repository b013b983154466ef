"""What happened in a recording, and what methods find there: looked at by whoever computes, and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from falld.errors import FalldError
from falld.learn.baselines.method import Found, Method
from falld.learn.baselines.shipped import Shipped
from falld.learn.baselines.trace import trace
from falld.learn.benchmark.aftermath import aftermath
from falld.learn.benchmark.kept import packed, unpacked
from falld.learn.benchmark.whole import whole
from falld.learn.extract import Trial, dataset_of, trial_of
from falld.learn.groups import person
from falld.learn.truth import Truth
from falld.samples.recording import Filed, RecordingError
from falld.samples.survey import survey
from falld.tasks import fingerprint
from falld.tasks.batches import Batch, start
from falld.tasks.cache import Arrays, Cache
from falld.tasks.executor import Executor, Lost, Promise


@dataclass(frozen=True, slots=True)
class Seen:
    """A recording that can be judged."""

    trial: Trial
    aftermath: str
    whole: bool
    found: list[Found]
    """Of each method that was asked for."""


def look(batch: Batch[Sequence[Method]]) -> list[Seen | RecordingError]:
    """What happened in each recording and what each method finds there, or why it is left out."""
    return [_look(recording, batch.how) for recording in batch.checked()]


def _look(recording: Filed, methods: Sequence[Method]) -> Seen | RecordingError:
    try:
        judged = survey(recording)
        trial, course = trial_of(recording, judged), trace(recording, judged.clock)
    except RecordingError as error:
        return error
    found = [method.found(course) for method in methods]
    return Seen(trial, aftermath(course, trial.truth.impact_s), whole(course, trial.truth), found)


class Looks:
    """Has batches of recordings looked at, as far as nothing is kept of them.

    Args:
        methods: which look.
        cache: keeps what happened in a batch, and what each method found there.
        who: computes.
    """

    def __init__(self, methods: Sequence[Method], cache: Cache, who: Executor) -> None:
        self._methods = methods
        self._cache = cache
        self._who = who
        self._keys: dict[str, list[str]] = {method.name: [] for method in methods}

    def start(self, recordings: list[Filed], digests: list[str]) -> Promise[list[Seen | FalldError]]:
        """What is seen in each recording of a batch.

        Args:
            recordings: at least one.
            digests: of each.
        """
        made_of = fingerprint.digest(*digests, recordings[0].source) if self._cache.kept else ""
        keys = [self._key(method, made_of) for method in self._methods]
        for method, key in zip(self._methods, keys, strict=True):
            self._keys[method.name].append(key)
        facts_key = fingerprint.digest(fingerprint.code(__name__), made_of) if self._cache.kept else ""
        facts = self._cache.get("facts", facts_key)
        kept = [self._cache.get(method.name, key) for method, key in zip(self._methods, keys, strict=True)]
        missing = [method for method, arrays in zip(self._methods, kept, strict=True) if arrays is None]
        new = None
        if facts is None or missing:
            batch: Batch[Sequence[Method]] = Batch(missing, recordings, digests)
            new = start(self._who, look, batch)
        return _Started(self._cache, self._methods, recordings, facts_key, keys, facts, kept, new)

    def key(self, method: Method) -> str:
        """A digest of what all findings of a method were made of."""
        return fingerprint.digest(*self._keys[method.name])

    def _key(self, method: Method, made_of: str) -> str:
        if not self._cache.kept:
            return ""
        code = fingerprint.code(type(method).__module__)
        sums = method.sums if isinstance(method, Shipped) else ""
        return fingerprint.digest("found", code, repr(fingerprint.libraries()), method.name, sums, made_of)


@dataclass(frozen=True, slots=True)
class _Started:
    cache: Cache
    methods: Sequence[Method]
    recordings: list[Filed]
    facts_key: str
    keys: list[str]
    facts: Arrays | None
    kept: list[Arrays | None]
    new: Promise[list[Seen | RecordingError | Lost]] | None

    def result(self) -> list[Seen | FalldError]:
        new = None if self.new is None else self.new.result()
        lost = new is not None and any(isinstance(one, Lost) for one in new)
        if new is not None and self.facts is None and not lost:
            self.cache.put("facts", self.facts_key, _packed(new))
        seen: list[Seen | FalldError] = [*(_unpacked(self.facts, self.recordings) if new is None else new)]
        fresh = 0
        columns = []
        for method, key, arrays in zip(self.methods, self.keys, self.kept, strict=True):
            if arrays is None:
                columns.append([one.found[fresh] for one in new or () if isinstance(one, Seen)])
                fresh += 1
                if not lost:
                    self.cache.put(method.name, key, packed(columns[-1]))
            else:
                columns.append(unpacked(arrays))
        usable = iter(zip(*columns, strict=True)) if columns else iter(())
        return [
            Seen(one.trial, one.aftermath, one.whole, list(next(usable, ()))) if isinstance(one, Seen) else one
            for one in seen
        ]


def _packed(seen: Sequence[Seen | FalldError]) -> Arrays:
    """Facts of recordings, without what methods found."""
    impact, start_s, hours, words, plain, errors = [], [], [], [], [], []
    for one in seen:
        truth = one.trial.truth if isinstance(one, Seen) else Truth(None, 0.0)
        impact.append(np.nan if truth.impact_s is None else truth.impact_s)
        start_s.append(truth.start_s)
        hours.append(one.trial.hours if isinstance(one, Seen) else 0.0)
        words.append(one.aftermath if isinstance(one, Seen) else "")
        plain.append(isinstance(one, Seen) and one.whole)
        errors.append(("", "", "") if isinstance(one, Seen) else (one.where, one.what, one.remedy))
    return {
        "impact": np.array(impact, np.float64),
        "start": np.array(start_s, np.float64),
        "hours": np.array(hours, np.float64),
        "aftermath": np.array(words, np.str_),
        "whole": np.array(plain, bool),
        "errors": np.array(errors, np.str_),
    }


def _unpacked(facts: Arrays | None, recordings: Sequence[Filed]) -> list[Seen | FalldError]:
    """What `_packed` was given of these recordings."""
    assert facts is not None, "what is neither kept nor looked at"
    seen: list[Seen | FalldError] = []
    columns = [facts[name].tolist() for name in ("impact", "start", "hours", "aftermath", "whole", "errors")]
    for recording, impact, start_s, hours, words, plain, error in zip(recordings, *columns, strict=True):
        if any(error):
            seen.append(RecordingError(*error))
            continue
        truth = Truth(None if np.isnan(impact) else impact, start_s)
        dataset = dataset_of(recording)
        who = person(dataset, recording.meta.subject)
        seen.append(Seen(Trial(dataset, who, recording.meta, truth, hours), words, plain, []))
    return seen
