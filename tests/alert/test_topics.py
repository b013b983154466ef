"""The topic tree."""

from __future__ import annotations

import pytest

from falld.alert.topics import Place, Topics, every_home, every_hub, hub_beat, hub_status, locate

NAMES = ("status", "health", "alert", "ack", "response", "command")


@pytest.mark.parametrize("name", NAMES)
def test_a_home_has_its_topics(name: str) -> None:
    topic = getattr(Topics("home-1"), name)
    assert topic == f"falld/v1/home-1/{name}"
    assert locate(topic) == Place(home="home-1", hub=None, name=name)


def test_a_clip_and_a_hub_have_theirs() -> None:
    assert Topics("home-1").clip("id-1") == "falld/v1/home-1/clip/id-1"
    assert locate("falld/v1/home-1/clip/id-1") == Place("home-1", None, "clip", "id-1")
    assert hub_status("hub.a") == "falld/v1/_hub/hub.a/status"
    assert hub_beat("hub.a") == "falld/v1/_hub/hub.a/beat"
    assert locate(hub_beat("hub.a")) == Place(None, "hub.a", "beat")


def test_filters_for_all() -> None:
    assert every_home("alert") == "falld/v1/+/alert"
    assert every_home("clip/+") == "falld/v1/+/clip/+"
    assert every_hub("beat") == "falld/v1/_hub/+/beat"


@pytest.mark.parametrize("home", ["", "a/b", "+", "#", "a b", "$SYS", "é", "a" * 65, "home\n", "_hub"])
def test_what_is_no_level_of_a_topic_is_no_id(home: str) -> None:
    with pytest.raises(ValueError, match="cannot be the id of a home"):
        Topics(home)
    with pytest.raises(ValueError, match="cannot be the id of a hub"):
        hub_status(home)
    with pytest.raises(ValueError, match="cannot be the id of a clip"):
        Topics("home-1").clip(home)


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "falld/v1",
        "falld/v1/home-1",
        "falld/v2/home-1/alert",
        "falld/v1/home-1/gossip",
        "falld/v1/home-1/alert/x",
        "falld/v1/home-1/clip",
        "falld/v1/home-1/clip/a b",
        "falld/v1/a b/alert",
        "falld/v1/_hub/status",
        "falld/v1/_hub/hub-1/alert",
        "falld/v1/_hub/_hub/beat",
        "falld/v1/_hub/clip/x",
        "/falld/v1/home-1/alert",
    ],
)
def test_other_topics_are_not_ours(topic: str) -> None:
    assert locate(topic) is None
