"""What a running daemon answers on its socket. Test alarms have tests of their own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from brokers import free_port, until
from click.testing import CliRunner, Result
from homes import Listening, Scripted, config, running, standing
from programs import write_config

from falld.cli import main
from falld.daemon.control import SOCKET, ControlError, UnknownWearer, ask_health, say


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


@pytest.mark.parametrize("said", [b"open-door\n", b"cancelled w1\n", b"x" * 2**20, b"\n"])
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


async def test_what_a_wearer_would_press(tmp_path: Path) -> None:
    home = Listening(config(tmp_path, free_port(), [standing(tmp_path / "belt.csv", 8)]), Scripted())
    async with running(home.home):
        await until((tmp_path / SOCKET).exists)
        assert await asyncio.to_thread(say, tmp_path, "cancel", "w1") is None
        called = await asyncio.to_thread(say, tmp_path, "help", "w1")
        assert [alert.alert_id for alert in home.home._keeper.open_alerts()] == [called]
        assert await asyncio.to_thread(say, tmp_path, "cancel", "w1") == called
        assert await asyncio.to_thread(say, tmp_path, "cancel", "w1") is None
        for nobody in ("w2", "", "w1 w1"):
            with pytest.raises(UnknownWearer, match="is not of this home; take one of w1"):
                await asyncio.to_thread(say, tmp_path, "help", nobody)
    assert home.committed() == ["suspected", "raised", "cancelled"]


async def test_the_verbs(tmp_path: Path) -> None:
    path = write_config(tmp_path, free_port())
    (tmp_path / "state").mkdir()
    home = Listening(config(tmp_path / "state", free_port(), [standing(tmp_path / "belt.csv", 8)]), Scripted())

    async def verb(*words: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, main, [*words, "-c", str(path)])

    async with running(home.home):
        await until((tmp_path / "state" / SOCKET).exists)
        called = await verb("help-call")
        cancelled = await verb("cancel", "w1")
        again = await verb("cancel")
        nobody = await verb("cancel", "w2")
        path.write_text(
            path.read_text().replace("wearers:\n", "wearers:\n  - {id: w0, wearables: [recording: a.csv]}\n")
        )
        which = await verb("help-call")
    (alert,) = {h.data["alert_id"] for h in home.heard if h.kind == "committed"}
    assert (called.exit_code, called.stdout) == (0, f"called: alert {alert}\n")
    assert (cancelled.exit_code, cancelled.stdout) == (0, f"cancelled: alert {alert}\n")
    assert (again.exit_code, again.stderr) == (
        1,
        "w1 has no alert that could be cancelled, or it was cancelled before\n",
    )
    assert (nobody.exit_code, nobody.stderr) == (2, "error: wearer w2: is not of this home; take one of w1\n")
    assert (which.exit_code, "this home has several, w0, w1" in which.stderr) == (2, True)
