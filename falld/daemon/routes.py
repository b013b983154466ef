"""All ways to monitoring hubs, the one to be tried first before the other."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import asdict, replace
from typing import Any

from falld.alert.wire import Health
from falld.daemon.route import Route, Shared
from falld.errors import FalldError
from falld.publish.broker import Broker
from falld.publish.clips import ClipRoute


class Routes:
    """One outbox, and a client, birth, health, last will and counters for each route.

    A message goes over the first one at once, and over the other one when no hub has it after `after_s`; at once
    where nobody hears the first, or it was offered an earlier message of the alert. No route waits for another.

    Args:
        after_s: seconds.
        clips: where the clips are; None: none are sent. The other route sends those of its alerts.
    """

    def __init__(self, brokers: Sequence[Broker], shared: Shared, *, after_s: float, clips: ClipRoute | None) -> None:
        self._after_s = after_s
        alone = len(brokers) == 1
        self.all: list[Route] = []
        for number, broker in enumerate(brokers):
            mine = None if clips is None else replace(clips, of_alerts_here=number > 0)
            self.all.append(
                Route(broker, shared, wait_s=self._wait_s(number), clips=mine, changed=self.wake, alone=alone)
            )

    @property
    def clip_fault(self) -> FalldError | None:
        """What keeps clips from a hub."""
        return next((r.publisher.clip_fault for r in self.all if r.publisher.clip_fault is not None), None)

    def runs(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        """What is to be run until the end of the home."""
        return [run for route in self.all for run in (route.publisher.run, route.pulse.run)]

    def change(self, brokers: Sequence[Broker], *, after_s: float, silent_s: float) -> None:
        """As they were given at the beginning, from now on.

        Args:
            brokers: the same ones; a password may be another.
        """
        self._after_s = after_s
        for route, broker in zip(self.all, brokers, strict=True):
            route.publisher.log_in(broker)
            route.pulse.change(silent_s)
        self.wake()

    def wake(self) -> None:
        """Something was committed to the outbox, or is to go another way."""
        for route in self.all:
            route.publisher.wake()

    def wake_clips(self) -> None:
        """A clip was kept."""
        for route in self.all:
            route.publisher.wake_clips()

    def set_health(self, health: Health) -> None:
        """What is published from now on."""
        for route in self.all:
            route.publisher.set_health(health)

    def health(self) -> list[dict[str, Any]]:
        return [route.health() for route in self.all]

    def counters(self) -> dict[str, int]:
        """What went and came over all of them."""
        each = [asdict(route.publisher.counters) for route in self.all]
        return {name: sum(counters[name] for counters in each) for name in each[0]}

    def _wait_s(self, number: int) -> Callable[[], float]:
        def wait_s() -> float:
            return 0.0 if all(route.useless for route in self.all[:number]) else self._after_s

        return wait_s
