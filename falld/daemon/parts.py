"""Parts of a home, each made as the configuration has it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from falld.alert.clipbox import ClipBox, ClipError
from falld.alert.clock import boottime, utc_now
from falld.config.last_good import state_dir
from falld.config.schema import Config
from falld.daemon.alarm import Alarm
from falld.daemon.drill import Drills
from falld.daemon.escalation import Deadlines, Due, Escalation
from falld.daemon.keeper import Keeper
from falld.detect.learnt import Learnt
from falld.errors import FalldError
from falld.publish.worker import Call

log = logging.getLogger(__name__)


class HomeError(FalldError):
    """The daemon cannot begin."""


def state_folder(config: Config) -> Path:
    """The folder for what must not be lost; made if only it itself is missing.

    Raises:
        HomeError: it cannot be made.
    """
    folder = state_dir(config)
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        what = f"cannot be made: {error.strerror}"
        raise HomeError(str(folder), what, "make it for falld, or name another one as `state_dir`") from None
    return folder


async def open_clips(config: Config, folder: Path, disk: Call) -> tuple[ClipBox | None, ClipError | None]:
    """None: none are sent, or their folder cannot be used, which keeps no alert from anybody."""
    if not config.clips.send:
        return None, None
    try:
        return await disk(ClipBox.open, folder), None
    except ClipError as error:
        log.error("%s", error)
        return None, error


def alarm(config: Config) -> Alarm:
    """The home's own."""
    secrets = [route.broker.password_env for route in config.routes if route.broker.password_env is not None]
    return Alarm(config.alarm.command, timeout_s=config.alarm.timeout_s, withhold=secrets)


async def escalation(
    config: Config, keeper: Keeper, disk: Call, tell: Callable[[Due, FalldError | None], None]
) -> Escalation:
    """When it runs, with what is due of the alerts that are open."""
    settings = config.alarm
    deadlines = Deadlines(settings.commit_s, settings.seen_s, await disk(keeper.outbox.waiting))
    deadlines.begin(keeper.open_alerts())
    return Escalation(
        deadlines,
        alarm(config),
        alerts=keeper.open_alerts,
        done=keeper.alarms,
        keep=keeper.keep_alarms,
        tell=tell,
        apart_s=settings.apart_s,
        now=boottime,
    )


def test_every(config: Config) -> timedelta | None:
    """From one test alarm to the next that comes by itself."""
    days = config.test_alarm.every_days
    return None if days is None else timedelta(days=days)


def empty_of(config: Config) -> Callable[[], Learnt]:
    """Makes what is known of a wearer on the first day."""
    settings = config.detector
    return partial(Learnt.empty, calibrate=settings.calibrate, budget_per_day=settings.budget_per_day)


def drills(config: Config, keeper: Keeper) -> Drills:
    """Test alarms."""
    return Drills(
        lambda: keeper.test(config.home.id),
        last=keeper.last_test,
        keep=keeper.keep_test,
        every=test_every(config),
        answer_s=config.alarm.seen_s,
        now=boottime,
        utc=utc_now,
    )
