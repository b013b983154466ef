"""The daemon with the detector that the configuration asks for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from falld.config.schema import Config
from falld.daemon import heap, parts
from falld.daemon.heard import Heard, Observer, nobody
from falld.daemon.home import Home
from falld.daemon.memory import Memory
from falld.daemon.shadow import Shadow
from falld.detect.bundle import Bundle, BundleError
from falld.detect.detector import Detector
from falld.detect.learnt import Learnt
from falld.errors import FalldError
from falld.resources import shipped_bundle
from falld.sensors.source import Source
from falld.supervise.notify import NOBODY, Manager

log = logging.getLogger(__name__)


async def run(
    config: Config,
    *,
    config_fault: FalldError | None = None,
    observer: Observer = nobody,
    manager: Manager = NOBODY,
    beside: Callable[[Home], Coroutine[Any, Any, None]] | None = None,
) -> None:
    """Until cancelled.

    Args:
        config: what to run.
        config_fault: what is wrong with the file, where it is not the one that runs.
        observer: hears of everything that happens.
        manager: hears that the home is ready and alive.
        beside: runs as long as the home does, and may change it.

    Raises:
        FalldError: it cannot begin, or the disk does not do its part any more.
    """
    heap.share()
    bundle = await asyncio.to_thread(Bundle.load, config.detector.bundle or shipped_bundle())
    shadow = None if config.detector.shadow is None else await _shadow(config.detector.shadow)
    heap.trim()

    def hear(heard: Heard) -> None:
        if home.config.detector.candidates or heard.kind != "impact":
            observer(heard)

    def detector(source: Source, learnt: Learnt) -> tuple[Detector, BundleError | None]:
        made = Detector(bundle, source.clock, source.placement, candidates=True, learnt=learnt)
        return made, _too_slow(bundle, source.clock.rate_hz)

    def memory(folder: Path) -> Memory:
        return Memory(folder, bundle.name, parts.empty_of(config))

    home = Home(
        config,
        model=bundle.name,
        make_detector=detector,
        make_shadow=shadow,
        memory=memory,
        config_fault=config_fault,
        observer=hear,
        manager=manager,
        beside=beside,
    )
    await home.run()


async def _shadow(folder: Path) -> Callable[[], Shadow]:
    """Makes each wearable's; a bundle that cannot be used is a fault of all of them and of nothing else."""
    try:
        bundle = await asyncio.to_thread(Bundle.load, folder)
    except BundleError as error:
        refused = error
        log.error("shadow: %s", refused)

        def none(source: Source) -> Detector:
            raise refused

        return lambda: Shadow(folder.name, none, refused)

    def detector(source: Source) -> Detector:
        too_slow = _too_slow(bundle, source.clock.rate_hz)
        if too_slow is not None:
            raise too_slow
        return Detector(bundle, source.clock, source.placement)

    return lambda: Shadow(bundle.name, detector)


def _too_slow(bundle: Bundle, rate_hz: float) -> BundleError | None:
    if rate_hz >= bundle.lowest_hz:
        return None
    what = f"cannot detect: {rate_hz:.1f} Hz is below the {bundle.lowest_hz:g} Hz that it needs"
    return BundleError(f"bundle {bundle.name}", what, "let the wearable sample faster")
