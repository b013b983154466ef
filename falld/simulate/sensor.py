"""The accelerometer between the body and the recording: strap, filter, errors, range, clock and radio."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falld.samples.block import Block
from falld.simulate.contact import RATE_HZ
from falld.simulate.rotation import Floats, random_rotation

STRAP_HZ, STRAP_DAMPING = 35.0, 0.5
"""A sensor on skin or clothing is a mass on a spring: markers worn on the leg ring at 23 to 51 Hz (Karlsson and
Tranberg, Human Movement Science 18:627, 1999). Damping: order of magnitude."""
BANDWIDTH = 0.405
"""-3 dB of the digital filter as a share of the rate: 40.5 Hz at 100 Hz in the Bosch BMI160 (data sheet, normal
mode)."""
NOISE_G = 180e-6
"""g/√Hz: between the 120 of the Bosch BMA280 and the 220 of ST's LIS2DH (data sheets)."""
OFFSET_G = 0.04
"""Zero-g offset, one standard deviation over axes and devices; typical values of data sheets are 35 to 50 mg."""
GAIN = 0.015
"""Error of the sensitivity, one standard deviation: order of magnitude of calibrated parts (limits are up to 10 %)."""
BITS = 12
CLOCK_PPM = 50.0
"""Of a wearable's crystal, one standard deviation: order of magnitude; crystals are sold with ±20 ppm."""


@dataclass(frozen=True, slots=True)
class Sensor:
    """What is worn and what its radio does to the samples."""

    rate_hz: float = 100.0
    range_g: float = 8.0
    ideal: bool = False
    """No strap, noise, offset, gain or clock error; range, resolution and filter stay."""
    jitter_s: float = 0.0
    """Standard deviation of the stamps; cut so that they keep their order."""
    batch: int = 1
    """Samples that come in one packet, all of them stamped when it arrives."""
    loss: float = 0.0
    """Share of packets that never arrive."""
    gaps: tuple[tuple[float, float], ...] = ()
    """Start and length in seconds of what is lost."""

    def describe(self) -> str:
        """For the recording's description."""
        return f"simulated, ±{self.range_g:g} g, {BITS} bit" + (", ideal" if self.ideal else "")


def record(felt: Floats, sensor: Sensor, rng: np.random.Generator) -> Block:
    """The samples that `sensor` delivers where a point of the body feels `felt` (m, 3) in g, at 1000 Hz.

    Stamps are the receiver's; the motion starts at 0, so a first packet of several samples is stamped later.
    """
    mount = np.eye(3) if sensor.ideal else random_rotation(rng)
    drift = 0.0 if sensor.ideal else rng.normal(0.0, CLOCK_PPM * 1e-6)
    t = np.arange(int((len(felt) - 1) / RATE_HZ * sensor.rate_hz)) / sensor.rate_hz * (1.0 + drift)
    smooth = felt if sensor.ideal else _resonance(felt, STRAP_HZ, STRAP_DAMPING)
    smooth = _resonance(smooth, BANDWIDTH * sensor.rate_hz, np.sqrt(0.5)) @ mount
    clean = np.stack([np.interp(t * RATE_HZ, np.arange(len(felt)), axis) for axis in smooth.T], axis=1)
    counts = _convert(clean, sensor, rng)

    stamps = t + np.clip(rng.normal(0.0, sensor.jitter_s, len(t)), -0.45 / sensor.rate_hz, 0.45 / sensor.rate_hz)
    packet = np.arange(len(t)) // sensor.batch
    if sensor.batch > 1:
        last = np.minimum((packet + 1) * sensor.batch, len(t)) - 1
        late = rng.gamma(2.0, 0.25 / sensor.rate_hz, packet[-1] + 1)
        stamps = np.maximum.accumulate(t[last] + late[packet])
    arrived = rng.uniform(size=packet[-1] + 1)[packet] >= sensor.loss
    for start, length in sensor.gaps:
        arrived &= (t < start) | (t >= start + length)
    return Block(np.round(np.maximum(stamps[arrived], 0.0), 6), counts[arrived])


def _convert(
    clean: Floats, sensor: Sensor, rng: np.random.Generator
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    noisy = clean
    if not sensor.ideal:
        noise = NOISE_G * np.sqrt(BANDWIDTH * sensor.rate_hz)
        noisy = clean * rng.normal(1.0, GAIN, 3) + rng.normal(0.0, OFFSET_G, 3) + rng.normal(0.0, noise, clean.shape)
    step = 2.0 * sensor.range_g / 2**BITS
    counts = np.clip(np.round(noisy / step), -(2 ** (BITS - 1)), 2 ** (BITS - 1) - 1)
    return np.asarray(counts * step, np.float32)


def _resonance(signal: Floats, hz: float, damping: float) -> Floats:
    """(n, 3) through a low pass of second order: the response of a damped spring, by convolution."""
    omega = 2.0 * np.pi * hz
    ringing = omega * np.sqrt(1.0 - damping**2)
    t = np.arange(round(RATE_HZ * 12.0 / (damping * omega)) + 1) / RATE_HZ
    response = np.exp(-damping * omega * t) * np.sin(ringing * t)
    response /= response.sum()
    padded = np.pad(signal, ((len(response) - 1, 0), (0, 0)), mode="edge")
    return np.stack([np.convolve(axis, response, mode="valid") for axis in padded.T], axis=1)
