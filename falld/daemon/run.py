"""The daemon with the detector that the configuration asks for."""

from __future__ import annotations

import asyncio

from falld.config.schema import Config
from falld.daemon.heard import Observer, nobody
from falld.daemon.home import Home
from falld.detect.bundle import Bundle, BundleError
from falld.detect.detector import Detector
from falld.resources import shipped_bundle
from falld.sensors.source import Source


async def run(config: Config, *, observer: Observer = nobody) -> None:
    """Until cancelled.

    Raises:
        FalldError: it cannot begin, or the disk does not do its part any more.
    """
    bundle = await asyncio.to_thread(Bundle.load, config.detector.bundle or shipped_bundle())

    def detector(source: Source) -> tuple[Detector, BundleError | None]:
        made = Detector(bundle, source.clock, source.placement, candidates=config.detector.candidates)
        return made, _too_slow(bundle, source.clock.rate_hz)

    await Home(config, model=bundle.name, make_detector=detector, observer=observer).run()


def _too_slow(bundle: Bundle, rate_hz: float) -> BundleError | None:
    if rate_hz >= bundle.lowest_hz:
        return None
    what = f"cannot detect: {rate_hz:.1f} Hz is below the {bundle.lowest_hz:g} Hz that it needs"
    return BundleError(f"bundle {bundle.name}", what, "let the wearable sample faster")
