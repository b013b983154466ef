"""Whether the home's own certificates hold for a while yet: who is to sign the next one wants time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from falld.config.schema import Config
from falld.errors import FalldError
from falld.publish.certificate import UntoldEnd, fault_of, read_certificate
from falld.publish.faults import LinkError

LOOK_S = 3600.0
"""A renewed one is seen within the hour, and a look is one run of openssl."""


class Certificates:
    """Looks at those of all routes.

    Args:
        config: gives what runs.
        tell: hears of a fault that was none before.
    """

    def __init__(
        self, config: Callable[[], Config], tell: Callable[[FalldError], None], utc: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._tell = tell
        self._utc = utc
        self.fault: FalldError | None = None

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            fault = await asyncio.to_thread(first_fault, self._config(), self._utc())
            if fault is not None and str(fault) != str(self.fault):
                self._tell(fault)
            self.fault = fault
            await asyncio.sleep(LOOK_S)


def first_fault(config: Config, now: datetime) -> FalldError | None:
    """Of a certificate that can be read; where one cannot, its route tells."""
    for broker in (route.broker for route in config.routes):
        if broker.cert_file is None:
            continue
        try:
            fault = fault_of(read_certificate(broker.cert_file), now, broker.certified_as(config.home.id))
        except LinkError:
            continue
        except UntoldEnd as untold:
            return untold
        if fault is not None:
            return fault
    return None
