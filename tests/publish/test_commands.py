from __future__ import annotations

from falld.alert.uuid7 import uuid7
from falld.alert.wire import Command
from falld.publish.commands import CommandGate


def a_command(boot_id: str = "now") -> Command:
    return Command(id=uuid7(), boot_id=boot_id, command="test_alarm")


def test_lets_each_command_of_this_boot_through_once() -> None:
    gate = CommandGate("now")
    command, other = a_command(), a_command()
    assert gate.refusal(command) is None
    assert gate.refusal(command) == "its id was used before"
    assert gate.refusal(other) is None
    assert gate.refusal(a_command("before")) == "it is for another boot"


def test_knows_those_of_before_a_restart() -> None:
    command = a_command()
    assert CommandGate("now", [command.id]).refusal(command) == "its id was used before"


def test_refuses_what_it_could_not_remember() -> None:
    gate = CommandGate("now", limit=2)
    assert [gate.refusal(a_command()) is None for _ in range(3)] == [True, True, False]
