"""The reference monitoring hub: receives, commits, acknowledges, raises what fell silent, passes responses on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from datetime import datetime

from falld.alert.clock import boottime, utc_now
from falld.alert.topics import Topics, every_home, hub_beat, hub_status, locate
from falld.alert.wire import Alert, Beat, ClipAck, Health, HubStatus, Message, Response, Status, WireError, parse
from falld.errors import first_of
from falld.hub.clips import IncomingClip
from falld.hub.counters import HubCounters
from falld.hub.homes import FLUSH_S, Homes
from falld.hub.incoming import Incoming, Receipt
from falld.hub.intake import QUEUE, Intake
from falld.hub.passing import Passing
from falld.hub.responders import Roster, came_late
from falld.hub.retention import Calendar, Keep, forget
from falld.hub.show import Event, Learnt, ResponseSent, of_message, of_restart, of_silence
from falld.hub.store import Reply, Store
from falld.hub.waits import Waits
from falld.publish.backoff import Backoff
from falld.publish.broker import Broker
from falld.publish.connection import WINDOW, Outgoing, Timing
from falld.publish.faults import LinkDown
from falld.publish.link import Link, LinkState
from falld.publish.worker import Call

BEAT_S = 30.0
RETRY_S = 5.0
"""Longest bound of the wait for another try to connect. Homes are a thousand and back off to a minute; hubs are one or
two to a broker, and one that is back within 5 s is so before homes help themselves after 20 s."""
POLL_S = 0.5
"""`falld hub respond` writes into the store; a person does not notice half a second."""
REFUSED_S = 15.0
"""A broker that refuses a response does so again until somebody changes its access list."""
CLIP_QUEUE = 64
"""Clips that wait for the disk, 4 MB at most; what is more is not acknowledged."""

log = logging.getLogger(__name__)


class Hub:
    """A monitoring hub on one broker.

    Args:
        name: the hub's id; with it the client id `falld-hub-<name>`.
        store: it is used through `call` alone.
        call: runs the store's methods on the thread that opened it.
        show: told what a responder has to know, in order.
        now: seconds of a clock that does not go back.
        roster: who is told of each alert that is raised; nobody, where only the screen is.
        keep: how long what is settled stays.
    """

    def __init__(
        self,
        broker: Broker,
        name: str,
        store: Store,
        call: Call,
        *,
        show: Callable[[Event], None],
        on_state: Callable[[LinkState], None] = lambda state: None,
        now: Callable[[], float] = boottime,
        utc: Callable[[], datetime] = utc_now,
        beat_s: float = BEAT_S,
        poll_s: float = POLL_S,
        flush_s: float = FLUSH_S,
        roster: Roster | None = None,
        keep: Keep | None = None,
        backoff: Backoff | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.counters = HubCounters()
        self._name = name
        self._store = store
        self._call = call
        self._show = show
        self._now = now
        self._utc = utc
        self._beat_s = beat_s
        self._poll_s = poll_s
        self._flush_s = flush_s
        self._keep = keep or Keep()
        self._intake = Intake(
            name, store, call, counters=self.counters, utc=utc, on_new=self._new, send_ack=self._send_ack
        )
        self._clips: asyncio.Queue[IncomingClip] = asyncio.Queue(CLIP_QUEUE)
        self._born: asyncio.Queue[str] = asyncio.Queue(QUEUE)
        self._waits = Waits()
        self._waits_changed = asyncio.Event()
        self._passing = Passing(roster or Roster(), store, call, show=show, now=now, utc=utc)
        self._homes = Homes(show, utc)
        self._told_by_homes: asyncio.Queue[Reply] = asyncio.Queue(QUEUE)
        self._link = Link(
            broker,
            f"falld-hub-{name}",
            will=(hub_status(name), HubStatus(hub=name, online=False).payload()),
            birth=lambda: [
                Outgoing(hub_status(name), HubStatus(hub=name, online=True).payload(), retain=True),
                Outgoing(hub_beat(name), Beat(hub=name, utc=utc()).payload()),
            ],
            subscribe=[every_home(name) for name in ("alert", "status", "health", "clip/+")],
            on_message=self._message,
            on_state=on_state,
            backoff=backoff or Backoff(longest_s=RETRY_S),
            timing=timing,
        )

    @property
    def link(self) -> LinkState:
        return self._link.state

    async def run(self) -> None:
        """Until cancelled.

        Raises:
            StoreError: the disk does not do its part; nothing more is acknowledged.
        """
        for entry in await self._call(self._store.unanswered):
            self._show(of_restart(self._utc(), entry.home, entry.alert_id, _aged(entry.latest), entry.standing))
        self._homes.remember(await self._call(self._store.homes.all))
        self._waits.resume(await self._call(self._store.waiting), self._now(), self._utc())
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._link.run())
                tasks.create_task(self._beat())
                tasks.create_task(self._raise_silent())
                tasks.create_task(self._pass_responses_on())
                tasks.create_task(self._remind())
                tasks.create_task(self._take_clips())
                tasks.create_task(self._passing.run())
                tasks.create_task(self._learn())
                tasks.create_task(self._write_down())
                calendar = Calendar(self._utc, self._now)
                tasks.create_task(forget(self._store.retention, self._store.clips, self._call, self._keep, calendar))
                for _ in range(WINDOW):
                    tasks.create_task(self._intake.acknowledge())
                await self._intake.commit()
        except BaseExceptionGroup as group:
            raise first_of(group) from None

    def _message(self, topic: str, payload: bytes, retain: bool) -> None:
        place = locate(topic)
        if place is None or place.home is None:
            self.counters.invalid += 1
            return
        try:
            match place.name:
                case "alert":
                    self._intake.put(place.home, topic, payload)
                case "clip":
                    self._clips.put_nowait(IncomingClip.read(place.home, place.alert_id or "", payload, topic))
                case "status":
                    self._home_status(place.home, parse(Status, payload, topic))
                case "health":
                    self._home_health(place.home, parse(Health, payload, topic), retain)
        except asyncio.QueueFull:
            self.counters.overrun += 1
        except WireError as error:
            self._invalid(error)

    def _new(self, message: Incoming, receipt: Receipt, utc: datetime) -> None:
        home, alert_id = message.home, message.alert_id
        if receipt.after.wait_s is None:
            self._waits.end(home, alert_id)
        elif receipt.after.wait_seq == message.seq:
            self._waits.set(home, alert_id, self._now() + receipt.after.wait_s)
        self._waits_changed.set()
        self._show(of_message(utc, home, alert_id, message.alert, receipt.after))
        if receipt.after.raised_by is not None and (receipt.before is None or receipt.before.raised_by is None):
            late = message.alert is not None and came_late(message.alert, receipt.before)
            self._passing.begin(home, alert_id, late=late)

    async def _send_ack(self, home: str, ack: Message) -> None:
        with contextlib.suppress(LinkDown):  # the home sends it again, and gets its ack then
            result = await self._link.publish(Topics(home).ack, ack.payload())
            self.counters.acks += result.accepted

    async def _take_clips(self) -> None:
        """Each in a transaction of its own, so that a message waits for one at most."""
        while True:
            clip = await self._clips.get()
            outcome = await self._call(self._store.clips.commit, clip, self._utc())
            where = f"home {clip.home}, the clip of alert {clip.alert_id}"
            match outcome:
                case "new":
                    self.counters.clips += 1
                case "copy":
                    self.counters.copies += 1
                case "conflict":
                    self.counters.conflicts += 1
                    log.warning("%s: came again and says something else; the first stands", where)
                case "full":
                    self.counters.clips_full += 1
                    log.warning("%s: is not kept, for the others are of open alerts; close those", where)
                    continue
            await self._send_ack(clip.home, ClipAck(alert_id=clip.alert_id, clip=True, hub=self._name))

    async def _raise_silent(self) -> None:
        """Also while this hub has no connection: a home that cannot be heard is silent too."""
        while True:
            self._waits_changed.clear()
            for home, alert_id in self._waits.take(self._now()):
                receipt = await self._call(self._store.raise_waiting, home, alert_id)
                if receipt is not None:
                    last = await self._call(self._store.latest, home, alert_id)
                    self._show(of_silence(self._utc(), home, alert_id, _aged(last), receipt.after))
                    self._passing.begin(home, alert_id)
            due = self._waits.next()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if due is None else max(due - self._now(), 0.0)):
                    await self._waits_changed.wait()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            # Asked on the store's thread: while the disk hangs there is no beat.
            beat = Beat(hub=self._name, utc=await self._call(self._utc))
            with contextlib.suppress(LinkDown):
                await self._link.publish(hub_beat(self._name), beat.payload())

    async def _pass_responses_on(self) -> None:
        while True:
            await asyncio.sleep(self._poll_s)
            if not self._link.connected:
                continue
            for reply in await self._call(self._store.unpublished):
                if not await self._respond(reply):
                    await asyncio.sleep(REFUSED_S if self._link.connected else 0)
                    break
                await self._call(self._store.published, reply)
                self._show(ResponseSent(self._utc(), reply.home, reply.alert_id, reply.response, reply.by))

    async def _remind(self) -> None:
        """A home that comes back hears again what was answered: it may have been away when that was said."""
        while True:
            home = await self._born.get()
            for reply in await self._call(self._store.last_replies, home):
                await self._respond(reply)

    async def _respond(self, reply: Reply) -> bool:
        """Whether the broker took it."""
        response = Response(
            alert_id=reply.alert_id, response=reply.response, hub=self._name, by=reply.by, utc=reply.utc
        )
        try:
            result = await self._link.publish(Topics(reply.home).response, response.payload())
        except LinkDown:
            return False
        if not result.accepted:
            log.warning("the broker refused a response to home %s (%s): mend its access list", reply.home, result.name)
        return result.accepted

    def _home_status(self, home: str, status: Status) -> None:
        self._homes.status(home, status)
        if status.online:
            self._born.put_nowait(home)

    def _home_health(self, home: str, health: Health, retain: bool) -> None:
        self._homes.health(home, health, retain)
        for one in health.open:
            if one.response is not None and one.hub is not None:
                hub = None if one.hub == self._name else one.hub
                by = one.by or "somebody"
                self._told_by_homes.put_nowait(Reply(0, home, one.alert_id, one.response, by, self._utc(), hub))

    async def _learn(self) -> None:
        """What a person answered at another hub, or here before the store was restored from an older copy."""
        known: set[tuple[str, str, str, str]] = set()
        while True:
            reply = await self._told_by_homes.get()
            key = reply.home, reply.alert_id, reply.response, reply.by
            if key in known:
                continue
            news = await self._call(self._store.learn, reply)
            if news:
                hub = reply.hub or self._name
                self._show(Learnt(self._utc(), reply.home, reply.alert_id, reply.response, reply.by, hub))
            if news is not None:
                if len(known) >= QUEUE:
                    known.clear()
                known.add(key)

    async def _write_down(self) -> None:
        """How homes are and what was counted, for whoever asks; also at the end."""
        before = self.counters.copy()
        while True:
            try:
                await asyncio.sleep(self._flush_s)
            finally:
                counts, homes = self.counters.copy(), self._homes.take_changed()
                if homes or counts != before:
                    await self._call(self._store.homes.save, homes, counts.since(before), self._utc())
                before = counts

    def _invalid(self, error: WireError) -> None:
        self.counters.invalid += 1
        log.warning("%s", error)


def _aged(alert: Alert | None) -> Alert | None:
    """An old message's `age_s` was right when it was sent; its impact time still is."""
    return None if alert is None else alert.model_copy(update={"age_s": None})
