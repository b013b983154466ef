"""What a running daemon answers on its socket. Test alarms have tests of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from brokers import free_port, until
from homes import Listening, Scripted, config, running, standing

from falld.daemon.control import SOCKET, ControlError, ask_health


async def test_how_it_is(tmp_path: Path) -> None:
    home = Listening(config(tmp_path, free_port(), [standing(tmp_path / "belt.csv", 8)]), Scripted())
    with pytest.raises(ControlError, match="start `falld run`"):
        ask_health(tmp_path)
    async with running(home.home):
        await until((tmp_path / SOCKET).exists)
        told = await asyncio.to_thread(ask_health, tmp_path)
        assert told.keys() == (await home.home.health()).keys()
        assert [each["source"] for each in told["wearables"]] == ["belt"]
        assert (tmp_path / SOCKET).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("said", [b"open-door\n", b"x" * 2**20, b"\n"])
async def test_what_is_no_question_gets_no_answer(tmp_path: Path, said: bytes) -> None:
    home = Listening(config(tmp_path, free_port(), [standing(tmp_path / "belt.csv", 8)]), Scripted())
    async with running(home.home):
        await until((tmp_path / SOCKET).exists)
        reader, writer = await asyncio.open_unix_connection(tmp_path / SOCKET)
        writer.write(said)
        try:
            assert await reader.read() == b""
        except ConnectionError:
            pass  # it was closed before all was said
        finally:
            writer.close()
        assert (await asyncio.to_thread(ask_health, tmp_path))["boot_id"]
