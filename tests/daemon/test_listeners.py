"""Several follow what happens at home, and one of them does not read."""

from __future__ import annotations

from falld.daemon.heard import Heard
from falld.daemon.listeners import UNREAD, Listeners


def test_one_that_does_not_read_is_told_so_and_keeps_nobody_else_from_hearing() -> None:
    listeners = Listeners()
    said = [Heard("impact", float(i), "", {}) for i in range(UNREAD + 5)]
    with listeners.one() as idle, listeners.one() as reader:
        read = []
        for each in said:
            listeners.hear(each)
            read.append(reader.get_nowait())
        assert read == said
        left = [idle.get_nowait() for _ in range(idle.qsize())]
        assert left == [*said[1:UNREAD], None]
    listeners.hear(said[0])
    assert reader.empty()
