"""One pass over the recordings: what happened in each, and what every method found there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby

from falld.errors import FalldError
from falld.learn.baselines.method import Found, Method
from falld.learn.baselines.scouted import Scouted
from falld.learn.benchmark.candidates import table_of
from falld.learn.benchmark.events import Gathered, gather, scouted
from falld.learn.benchmark.looks import Looks, Seen
from falld.learn.extract import Trial, dataset_of
from falld.samples.catalogue import open_paths
from falld.samples.recording import Filed, RecordingError, Unusable
from falld.tasks.batches import grouped
from falld.tasks.cache import Cache
from falld.tasks.executor import Executor, Here, Known, Promise, in_order

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
    who: Executor | None = None,
) -> Harvest:
    """Run every method over every usable recording.

    Args:
        paths: recordings, archives, or folders of them.
        methods: at least one.
        progress: told a line for each file.
        only: data sets to keep to; all, if empty.
        cache: keeps what was found in each batch of recordings.
        who: looks at the recordings; None: this process.

    Raises:
        FalldError: there is nothing to judge.
    """
    who = who or Here()
    found = Harvest([], [], [], [], [])
    looking = [method for method in methods if not isinstance(method, Scouted)]
    looks = Looks(looking, cache, who)
    by_method: dict[str, list[Found]] = {method.name: [] for method in looking}
    sources: list[str] = []
    everything = in_order(_promises(open_paths(paths), looks, only), who.ahead)
    for source, batches in groupby(everything, key=lambda one: one[0]):
        before = len(found.trials)
        for one in chain.from_iterable(seen for _, seen in batches):
            if not isinstance(one, Seen):
                found.left_out.append(str(one))
                continue
            found.trials.append(one.trial)
            found.aftermath.append(one.aftermath)
            found.whole.append(one.whole)
            for name, each in zip(by_method, one.found, strict=True):
                by_method[name].append(each)
        if len(found.trials) > before:
            sources.append(source)
            progress(f"{source}: {len(found.trials) - before} recordings")
    if not found.trials:
        raise FalldError(", ".join(paths), "holds no recording to judge", "name other data, or look at --only")
    table = None
    for method in methods:
        if isinstance(method, Scouted):
            table = table or table_of(sources, found.trials, progress, only=only, cache=cache, who=who)
            found.methods.append(scouted(method, *table))
        else:
            found.methods.append(gather(method, found.trials, by_method[method.name], looks.key(method)))
    return found


@dataclass(frozen=True, slots=True)
class _Of:
    """What is seen in recordings of a file."""

    source: str
    promise: Promise[list[Seen | FalldError]]

    def result(self) -> tuple[str, list[Seen | FalldError]]:
        return self.source, self.promise.result()


def _promises(recordings: Iterable[Filed | Unusable], looks: Looks, only: Sequence[str]) -> Iterator[_Of]:
    for group in grouped(one for one in recordings if isinstance(one, Unusable) or not only or dataset_of(one) in only):
        chosen: list[Filed] = []
        digests: list[str] = []
        for one in group:
            try:
                if isinstance(one, Unusable):
                    raise one.error
                digests.append(one.digest())
                chosen.append(one)
            except RecordingError as error:
                yield _Of(one.source, Known([error]))
        if chosen:
            yield _Of(group[0].source, looks.start(chosen, digests))
