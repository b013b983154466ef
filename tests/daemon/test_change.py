"""A home whose configuration changes while it runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from brokers import free_port, until
from homes import Listening, Scripted, config, decision, running, standing

from falld.config.schema import Config
from falld.errors import FalldError


def changed(settings: Config, **keys: object) -> Config:
    return Config.model_validate(settings.model_dump(exclude_none=True) | keys)


def wearers(**wearables: list[Path]) -> list[dict[str, object]]:
    return [
        {"id": wearer, "wearables": [{"recording": path, "speed": 20.0} for path in paths]}
        for wearer, paths in wearables.items()
    ]


async def test_an_open_alert_keeps_its_deadline_and_a_new_one_has_the_new(tmp_path: Path) -> None:
    belt, wrist = standing(tmp_path / "belt.csv", 600), standing(tmp_path / "wrist.csv", 600)
    settings = config(tmp_path, free_port(), [belt], raise_after_s=300)
    home = Listening(settings, Scripted(decision("fall", 1.0, 0.5)), Scripted(decision("fall", 1.0, 0.5)))
    async with running(home.home):
        await until(lambda: home.committed() == ["suspected"])
        done = await home.home.change(
            changed(settings, wearers=wearers(w1=[belt], w2=[wrist]), alert={"raise_after_s": 0.0})
        )
        await until(lambda: len(home.committed()) == 3)
        told = {alert.wearer: alert.state for alert in home.home._keeper.open_alerts()}
        samples = [each["samples"] for each in (await home.home.health())["wearables"]]
    assert done.taken == ["wearers", "alert.raise_after_s"]
    assert told == {"w1": "suspected", "w2": "raised"}
    assert home.count("listening") == 2
    assert all(samples)


async def test_a_wearable_that_is_taken_off_is_decided_on_what_there_is(tmp_path: Path) -> None:
    belt, wrist = standing(tmp_path / "belt.csv", 600), standing(tmp_path / "wrist.csv", 600)
    settings = config(tmp_path, free_port(), [belt, wrist])
    waiting = Scripted(decision("fall", 1e9, 0.5))
    home = Listening(settings, Scripted(), waiting)
    async with running(home.home):
        await until(lambda: {h.data["source"] for h in home.heard if h.kind == "samples"} == {"belt", "wrist"})
        assert not home.committed()
        left = "wrist" if home.home._worn._wearables()[0]._detector is not waiting else "belt"
        await home.home.change(changed(settings, wearers=wearers(w1=[belt if left == "wrist" else wrist])))
        assert home.committed()[0] == "suspected"
        (only,) = (await home.home.health())["wearables"]
    assert only["source"] != left


async def test_a_wearable_that_cannot_be_spoken_with_changes_nothing(tmp_path: Path) -> None:
    belt = standing(tmp_path / "belt.csv", 600)
    settings = config(tmp_path, free_port(), [belt])
    home = Listening(settings, Scripted())
    unknown = [{"id": "w1", "wearables": [{"address": "A0:9E:1A:0A:1B:2C", "driver": "nobody"}]}]
    async with running(home.home):
        await until(lambda: home.count("samples"))
        with pytest.raises(FalldError, match="nobody"):
            await home.home.change(changed(settings, wearers=unknown, alert={"raise_after_s": 1.0}))
        assert home.home.config == settings
        count = home.count("samples")
        await until(lambda: home.count("samples") > count)
    assert home.count("listening") == 1
