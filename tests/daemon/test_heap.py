"""What a start leaves behind is given back, and the model judges as before."""

from __future__ import annotations

import json
import subprocess
import sys

CODE = """
import json
from pathlib import Path
from falld.daemon import heap
from falld.detect.bundle import REFERENCE, Bundle
from falld.detect.reference import Reference
from falld.resources import shipped_bundle

def resident():
    told = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return [int(told[key].split()[0]) for key in ("RssAnon", "RssFile")]

def judged():
    return [bundle.probabilities(each.windows, each.placement).tolist() for each in cases]

heap.share()
bundle = Bundle.load(shipped_bundle())
cases = Reference.from_bytes((shipped_bundle() / REFERENCE).read_bytes()).cases
before, there = judged(), resident()
heap.trim()
print(json.dumps([before, judged(), there, resident()]))
"""


def test_a_daemon_holds_less_and_judges_the_same() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    before, after, there, left = json.loads(done.stdout)
    assert after == before
    assert left[0] <= there[0]
    assert left[1] < there[1] - 5000, "kB of code that only the start ran"


LATER = """
import asyncio
from pathlib import Path
from falld.daemon import heap

def resident():
    told = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    return int(told["RssAnon"].split()[0])

async def gives_back():
    task = asyncio.create_task(heap.keep_small())
    async with asyncio.timeout(60):
        while resident() > there - 50_000:
            await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()

heap.share()
heap.EVERY_S = 0.01
held = [bytes(5000) for _ in range(20_000)]
del held[:-1]  # the last one is above all that is free
there = resident()
asyncio.run(gives_back())
"""


def test_what_lies_free_between_what_is_used_is_given_back() -> None:
    subprocess.run([sys.executable, "-c", LATER], check=True)
