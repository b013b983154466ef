"""The laws that a simulated body must keep, and the published figures that it must come near."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from falld.simulate.body import COLUMNS, PELVIS, PLACEMENTS, TRUNK, Body, carry, specific_force
from falld.simulate.contact import GRAVITY, RATE_HZ, SEAT, TISSUE, Surface, land
from falld.simulate.fall import FORWARD, MANNERS, Descent, descend
from falld.simulate.links import CENTRE, GYRATION, MASS_SHARE
from falld.simulate.path import ease, jolt, quintic
from falld.simulate.rotation import Floats, about, orientation, random_rotation

ANGLE = st.floats(-6.0, 6.0)


@settings(max_examples=50)
@given(st.lists(st.tuples(ANGLE, ANGLE, ANGLE), min_size=1, max_size=4))
def test_rotations_keep_lengths_and_handedness(axis_angles: list[tuple[float, float, float]]) -> None:
    rotations = about(np.array(axis_angles))
    assert_allclose(rotations @ rotations.transpose(0, 2, 1), np.broadcast_to(np.eye(3), rotations.shape), atol=1e-12)
    assert_allclose(np.linalg.det(rotations), 1.0)


@pytest.mark.parametrize(
    ("lean", "up"),
    [((0, 0, 0), (0, 0, 1)), ((0, 90, 0), (1, 0, 0)), ((90, 0, 0), (0, -1, 0)), ((0, 90, 90), (0, 1, 0))],
)
def test_pitch_leans_forward_roll_to_the_right_and_yaw_turns_left(lean: tuple[float], up: tuple[float]) -> None:
    assert_allclose(orientation(np.radians([lean]))[0] @ [0.0, 0.0, 1.0], up, atol=1e-12)


def test_random_mountings_point_everywhere() -> None:
    rng = np.random.default_rng(0)
    ups = np.array([random_rotation(rng)[2] for _ in range(2000)])
    assert_allclose(ups.mean(axis=0), 0.0, atol=0.06)
    assert_allclose((ups**2).mean(axis=0), 1.0 / 3.0, atol=0.03)


def still(n: int = 50) -> Floats:
    return np.zeros((n, COLUMNS))


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_body_at_rest_feels_one_g(placement: str) -> None:
    motion = still()
    motion[:, TRUNK] = 0.3, -1.2, 0.5
    felt = specific_force(*carry(motion, Body(), placement))
    assert_allclose(np.linalg.norm(felt, axis=1), 1.0, atol=1e-6)


def test_a_body_in_free_fall_feels_nothing() -> None:
    motion = still()
    motion[:, 2] = 2.0 - GRAVITY / 2.0 * (np.arange(50) / RATE_HZ) ** 2
    assert_allclose(specific_force(*carry(motion, Body(), "waist")), 0.0, atol=1e-6)


def test_a_swinging_trunk_is_felt_as_centripetal_acceleration() -> None:
    rate = 4.0
    motion = still(200)
    motion[:, TRUNK.start + 2] = rate * np.arange(200) / RATE_HZ
    felt = specific_force(*carry(motion, Body(), "waist"))[1:-1]
    radius = PLACEMENTS["waist"][1][0]
    assert_allclose(felt[:, 0], -(rate**2) * radius / GRAVITY, rtol=1e-4)
    assert_allclose(felt[:, 2], 1.0)


@settings(deadline=None, max_examples=20)
@given(ANGLE)
def test_it_does_not_matter_which_way_the_wearer_faces(yaw: float) -> None:
    path = descend_once()[:: RATE_HZ // 50].copy()
    turned = path.copy()
    turn = orientation(np.array([[0.0, 0.0, yaw]]))[0]
    turned[:, PELVIS] = path[:, PELVIS] @ turn.T
    turned[:, [5, 8, 11, 14]] += yaw
    assert_allclose(
        specific_force(*carry(turned, Body(), "wrist")), specific_force(*carry(path, Body(), "wrist")), atol=1e-4
    )


_descents: dict[str, Descent] = {}


def descent(manner: str) -> Descent:
    if manner not in _descents:
        _descents[manner] = descend(MANNERS[manner], Body(), 2.0)
    return _descents[manner]


def descend_once() -> Floats:
    return descent("forward").motion


@settings(max_examples=25)
@given(st.floats(0.05, 1.0))
def test_a_dropped_mass_lands_with_the_energy_of_its_height(height: float) -> None:
    path = land(height, 0.0, 30.0, TISSUE, 0.6)
    touch = int(np.argmax(path < 0.0))
    speed = -(path[touch - 1] - path[touch - 2]) * RATE_HZ
    assert speed == pytest.approx(np.sqrt(2.0 * GRAVITY * height), rel=0.03)


def test_a_mass_rebounds_less_each_time_and_rests_where_the_spring_carries_it() -> None:
    surface = Surface(20e3, 1.5)
    path = land(0.3, 0.0, 40.0, surface, 4.0)
    assert path[int(np.argmin(path)) :].max() < 0.1
    assert path[-1] == pytest.approx(-40.0 * GRAVITY / surface.stiffness, rel=0.02)


def test_a_slow_impact_rebounds_as_hunt_and_crossley_say() -> None:
    speed = 0.3
    path = land(0.0, speed, 5.0, TISSUE, 0.2, support=1.0)
    after = (path[-1] - path[-2]) * RATE_HZ
    assert after == pytest.approx(speed * (1.0 - 2.0 / 3.0 * TISSUE.damping * speed), rel=0.03)


def test_yielding_legs_let_the_body_sink_at_their_speed() -> None:
    path = land(2.0, 0.0, 40.0, SEAT, 2.0, support=0.5, drag=0.5 * GRAVITY / 0.6)
    assert -(path[-1] - path[-2]) * RATE_HZ == pytest.approx(0.6, rel=0.01)


def test_no_energy_comes_from_nowhere_before_the_floor() -> None:
    free = replace(
        FORWARD, stiffness=(0.0,) * 5, damping=(0.0,) * 5, lowest=(-999.0,) * 5, highest=(999.0,) * 5, speed=0.5
    )
    body = Body()
    angles = descend(free, body, 0.35).angles
    rate = np.gradient(angles, 1.0 / RATE_HZ, axis=0)
    length = np.array([body.shank, body.thigh, body.trunk, body.upper_arm, body.forearm])
    mass = MASS_SHARE * body.mass
    energy = np.zeros(len(angles))
    for link in range(5):
        arms = np.append(length[:link], CENTRE[link] * length[link])
        velocity = np.stack([f(angles[:, : link + 1]) * rate[:, : link + 1] @ arms for f in (np.cos, np.sin)])
        height = np.cos(angles[:, : link + 1]) @ arms
        inertia = mass[link] * (GYRATION[link] * length[link]) ** 2
        energy += mass[link] * (GRAVITY * height + (velocity**2).sum(axis=0) / 2.0) + inertia * rate[:, link] ** 2 / 2.0
    inside = energy[5:-5]
    kinetic = np.ptp(np.cos(angles) @ length) * GRAVITY * body.mass
    assert np.ptp(inside) < 0.02 * kinetic


@pytest.mark.parametrize("manner", MANNERS)
def test_falls_are_like_those_filmed_in_nursing_homes(manner: str) -> None:
    """Choi, Wakeling and Robinovitch (2015): pelvis at 2.14 ± 0.63 m/s, 1.27 ± 0.65 s after imbalance; Lim and Choi
    (2020): 4.0 ± 1.7 kN at the hip. Within two standard deviations."""
    fall = descent(manner)
    assert 2.14 - 2 * 0.63 < fall.hip_speed[: fall.impact + 1].max() < 2.14 + 2 * 0.63
    assert 0.5 < fall.impact / RATE_HZ < 1.27 + 2 * 0.65
    assert 0.6e3 < fall.load.max() < 7.4e3


@pytest.mark.parametrize("manner", MANNERS)
def test_a_fall_dips_strikes_and_ends_lying_still(manner: str) -> None:
    fall = descent(manner)
    felt = np.linalg.norm(specific_force(*carry(fall.motion, Body(), "waist")), axis=1)
    assert felt[: fall.impact].min() < 0.75
    assert 3.0 < felt.max() < 10.0
    assert felt[-200:].mean() == pytest.approx(1.0, abs=0.03)
    assert np.ptp(felt[-200:]) < 0.4
    assert 70.0 < abs(np.degrees(fall.angles[-1, 2])) < 110.0


def test_a_hand_meets_the_floor_before_the_trunk() -> None:
    fall = descent("forward")
    felt = np.linalg.norm(specific_force(*carry(fall.motion, Body(), "wrist")), axis=1)
    assert np.argmax(felt > 6.0) < fall.impact


def test_movements_begin_and_end_at_rest() -> None:
    zero, one = np.zeros(1), np.ones(1)
    path = quintic((zero, zero, zero), (one, zero, zero), 1.0)[:, 0]
    assert_allclose(path, ease(np.arange(1, RATE_HZ + 1) / RATE_HZ), atol=1e-12)
    assert np.abs(np.diff(path, 2)[[0, -1]]).max() * RATE_HZ**2 < 0.2


def test_a_jolt_starts_with_its_acceleration_and_dies_out() -> None:
    path = jolt(5.0, 0.01)
    acceleration = np.diff(path, 2) * RATE_HZ**2
    assert acceleration.max() == pytest.approx(5.0, rel=0.02)
    assert abs(path[-1]) < 1e-6
