"""Short stories of a wearer, each with the sensor it is made for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from falld.simulate.activities import bend, fall, get_up, jump, lie, lie_down, sit_down, stand_up
from falld.simulate.gait import stumble, walk
from falld.simulate.hands import clap, hit_table
from falld.simulate.sensor import Sensor
from falld.simulate.wearer import Wearer

GAP_S = 3.0


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens, and how it is recorded unless said otherwise."""

    story: Callable[[Wearer], None]
    placement: str
    sensor: Sensor
    seed: int
    gap_after_impact: float | None = None
    """The radio is gone for GAP_S from so many seconds after the impact."""

    @property
    def what(self) -> str:
        """In a line."""
        return (self.story.__doc__ or "").strip().rstrip(".")


def falls_forward(wearer: Wearer) -> None:
    """Walks, trips, falls forward and stays down."""
    wearer.hold(1.0)
    walk(wearer, 4.0, stop=False)
    fall(wearer, "forward")
    lie(wearer, 6.8)


def falls_backward(wearer: Wearer) -> None:
    """Gets up from a chair, falls backward and stays down."""
    sit_down(wearer)
    wearer.hold(1.0, 0.5)
    stand_up(wearer)
    wearer.hold(1.5)
    fall(wearer, "backward")
    lie(wearer, 6.8)


def falls_sideways(wearer: Wearer) -> None:
    """Walks, stops, falls to the right and stays down."""
    walk(wearer, 4.5)
    wearer.hold(1.0)
    fall(wearer, "sideways")
    lie(wearer, 6.8)


def collapses(wearer: Wearer) -> None:
    """Walks, stops, collapses with the knees giving way and stays down."""
    walk(wearer, 4.0)
    wearer.hold(2.0)
    fall(wearer, "collapse")
    lie(wearer, 7.0, 0)


def falls_and_recovers(wearer: Wearer) -> None:
    """Walks, trips, falls forward, gets up after some seconds and walks on."""
    wearer.hold(0.8)
    walk(wearer, 4.0, stop=False)
    fall(wearer, "forward")
    lie(wearer, 2.0, 2)
    get_up(wearer)
    wearer.hold(0.8)
    walk(wearer, 7.0)


def falls_and_cancels(wearer: Wearer) -> None:
    """Trips, falls forward and presses cancel 4 s after the impact."""
    wearer.hold(0.8)
    walk(wearer, 3.6, stop=False)
    impact = fall(wearer, "forward")
    lie(wearer, 7.0, 2)
    wearer.mark("cancel", impact + 4.0)


def sits_down_hard(wearer: Wearer) -> None:
    """Walks to a chair and drops into it."""
    walk(wearer, 4.5)
    wearer.hold(0.6)
    sit_down(wearer, 0.75)
    wearer.hold(7.5, 0.6)


def walks(wearer: Wearer) -> None:
    """Walks, bends down for something and walks on."""
    wearer.hold(1.0)
    walk(wearer, 7.0)
    bend(wearer)
    walk(wearer, 6.0, 1.2)


def lies_down(wearer: Wearer) -> None:
    """Walks to a bed, sits down on it and lies down."""
    walk(wearer, 4.0)
    wearer.hold(0.5)
    sit_down(wearer)
    wearer.hold(1.0, 0.6)
    lie_down(wearer)
    lie(wearer, 6.8)


def jumps(wearer: Wearer) -> None:
    """Stands, jumps three times and walks on."""
    wearer.hold(4.0)
    for _ in range(3):
        jump(wearer)
        wearer.hold(0.6)
    walk(wearer, 5.0)


def claps_and_hits_table(wearer: Wearer) -> None:
    """Claps, then strikes a table with the flat hand three times."""
    wearer.hold(4.0)
    clap(wearer)
    wearer.hold(1.5)
    for _ in range(3):
        hit_table(wearer)
    wearer.hold(3.0)


def stumbles(wearer: Wearer) -> None:
    """Walks, trips, catches the balance and walks on."""
    walk(wearer, 5.0, stop=False)
    stumble(wearer)
    walk(wearer, 6.0, 0.8)


SCENES: dict[str, Scene] = {
    "fall-forward-waist": Scene(falls_forward, "waist", Sensor(), 1),
    "fall-backward-chest": Scene(falls_backward, "chest", Sensor(), 2),
    "fall-side-thigh-2g": Scene(falls_sideways, "thigh", Sensor(range_g=2.0), 3),
    "fall-collapse-wrist": Scene(collapses, "wrist", Sensor(50.0), 4),
    "fall-recovered-waist": Scene(falls_and_recovers, "waist", Sensor(), 5),
    "fall-cancelled-waist": Scene(falls_and_cancels, "waist", Sensor(), 6),
    "fall-batched-jitter-wrist": Scene(falls_forward, "wrist", Sensor(50.0, batch=5, loss=0.02), 7),
    "fall-gap-after-impact-waist": Scene(falls_backward, "waist", Sensor(), 8, gap_after_impact=1.0),
    "sit-down-hard-waist": Scene(sits_down_hard, "waist", Sensor(), 9),
    "walk-wrist": Scene(walks, "wrist", Sensor(50.0), 10),
    "lie-down-waist": Scene(lies_down, "waist", Sensor(), 11),
    "jump-waist": Scene(jumps, "waist", Sensor(), 12),
    "clap-and-table-wrist": Scene(claps_and_hits_table, "wrist", Sensor(50.0), 13),
    "stumble-waist": Scene(stumbles, "waist", Sensor(), 14),
}
