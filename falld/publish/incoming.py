"""What comes in from a broker: each message read, and handed to whom it is for."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from falld.alert.topics import Topics, locate
from falld.alert.wire import Ack, Beat, ClipAck, Command, HubStatus, Response, WireError, parse, parse_ack

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Receivers:
    """Who is called with what."""

    ack: Callable[[Ack], None]
    clip_ack: Callable[[ClipAck], None]
    response: Callable[[Response], None]
    command: Callable[[Command], None]
    hub: Callable[[HubStatus | Beat, bool], None]
    """With the retain flag: then it is what a hub said before this home came."""
    retained: Callable[[], None]
    """One was dropped, for it came with the retain flag where none may."""
    invalid: Callable[[], None]
    """One was no message of falld/v1."""


class Incoming:
    """Reads what comes on the home's topics and on those of the hubs."""

    def __init__(self, topics: Topics, to: Receivers) -> None:
        self._topics = topics
        self._to = to

    def take(self, topic: str, payload: bytes, retain: bool) -> None:
        """A message came."""
        try:
            self._take(topic, payload, retain)
        except WireError as error:
            self._to.invalid()
            log.warning("%s", error)

    def _take(self, topic: str, payload: bytes, retain: bool) -> None:
        place = locate(topic)
        if place is not None and place.hub is not None:
            said = parse(Beat, payload, topic) if place.name == "beat" else parse(HubStatus, payload, topic)
            if said.hub != place.hub:
                raise WireError(topic, "another hub's name stands in it", "give each hub a name and a login of its own")
            self._to.hub(said, retain)
        elif retain:
            self._to.retained()
            log.warning("%s: dropped, for it came with the retain flag; clear it on the broker", topic[:200])
        elif topic == self._topics.ack:
            ack = parse_ack(payload, topic)
            if isinstance(ack, Ack):
                self._to.ack(ack)
            else:
                self._to.clip_ack(ack)
        elif topic == self._topics.response:
            self._to.response(parse(Response, payload, topic))
        elif topic == self._topics.command:
            self._to.command(parse(Command, payload, topic))
        else:
            raise WireError(topic[:200], "nothing is expected there", "see what the broker passes on, and why")
