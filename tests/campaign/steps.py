"""Each step that an alert takes in the outbox, for a tracer to stop: a program of its own.

python steps.py FOLDER
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from ledger import Ledger

from falld.alert.clock import boot_id, boottime
from falld.alert.outbox import Row
from falld.daemon.heard import Heard
from falld.daemon.keeper import Keeper
from falld.publish.worker import Worker

ROUTE = "hub"
ROUNDS = 2
OUTBOX = "outbox.db"


async def live(folder: Path) -> None:
    """Calls, falls, cancels, sendings, acknowledgements and answers. What is accepted is in one ledger, what the hub
    has in another before the outbox hears of it."""
    accepted, hub = Ledger(folder / "accepted"), Ledger(folder / "hub")
    disk = Worker("outbox")

    def hear(heard: Heard) -> None:
        accepted.write({"alert_id": heard.data["alert_id"], "seq": heard.data["seq"]})

    async def send(row: Row) -> None:
        await disk(keeper.outbox.sending, row, boottime(), boot_id())
        hub.write({"alert_id": row.alert_id, "seq": row.seq})
        await disk(keeper.outbox.ack, row.alert_id, row.seq, ROUTE)

    keeper = await Keeper.open(
        folder / OUTBOX, raise_after_s=0.0, disk=disk, routes=[ROUTE], observer=hear, wake=lambda: None
    )
    for n in range(ROUNDS):
        await keeper.help(f"caller{n}", "button")
        await keeper.fall(f"faller{n}", "belt", boottime(), probability=0.9, model="stand-in", why="fell")
        await keeper.cancel(f"faller{n}")
        rows = await disk(keeper.outbox.due, ROUTE, 100)
        for row in rows[: len(rows) // 2]:
            await send(row)
        await keeper.respond(keeper.open_alerts()[0].alert_id, "resolved", "hub", "anna")
    await disk(keeper.outbox.mend)
    for row in await disk(keeper.outbox.due, ROUTE, 100):
        await send(row)
    fault = await disk(keeper.outbox.fault)
    Ledger(folder / "end").write({"fault": None if fault is None else str(fault)})
    await keeper.close()
    disk.close()


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1])))
