"""From a scene to samples and what is known about them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from falld.samples.block import Block
from falld.samples.recording import Meta
from falld.simulate.body import carry, specific_force
from falld.simulate.scenes import GAP_S, Scene
from falld.simulate.sensor import record
from falld.simulate.wearer import Wearer


def perform(scene: Scene) -> Wearer:
    """Play the story. Wearer and movements depend on the seed alone, whatever records them."""
    wearer = Wearer(np.random.default_rng([scene.seed, 0]))
    scene.story(wearer)
    return wearer


def simulate(scene: Scene) -> tuple[Meta, Block]:
    """Play `scene` and record it; the same scene gives the same samples."""
    wearer, sensor = perform(scene), scene.sensor
    if scene.gap_after_impact is not None:
        gone = ((span.impact_s or 0.0) + scene.gap_after_impact for span in wearer.falls)
        sensor = replace(sensor, gaps=(*sensor.gaps, *((start, GAP_S) for start in gone)))
    felt = specific_force(*carry(wearer.motion(), wearer.body, scene.placement))
    block = record(felt, sensor, np.random.default_rng([scene.seed, 1]))
    meta = Meta(
        placement=scene.placement,
        sensor=sensor.describe(),
        sample_rate_hz=sensor.rate_hz,
        range_g=sensor.range_g,
        source="falld simulate",
        licence="Apache-2.0",
        simulated=True,
        activity=scene.what,
        is_fall=bool(wearer.falls),
        falls=tuple(wearer.falls),
        events=tuple(wearer.marks),
    )
    return meta, block
