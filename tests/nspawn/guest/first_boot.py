"""The first boot of a home by cloud-init, which runs the installer beside these trials."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from installs import a_broker_and_a_hub_are_there, at_hub
from trials import main, run, say, show

SEED = "/boot/firmware/user-data"


def cloud_init_understands_every_line() -> None:
    run("cloud-init", "schema", "--config-file", SEED)


def it_ends_with_a_test_alarm_that_a_hub_has() -> None:
    done = subprocess.run(
        ["cloud-init", "status", "--wait", "--long"], capture_output=True, text=True, timeout=1200, check=False
    )
    said = Path("/var/log/cloud-init-output.log").read_text()
    say(f"{done.stdout}{done.stderr}(status {done.returncode})\n{said}")
    assert done.returncode in (0, 2)  # 2: what this tree lacks, as `ip`
    assert "ok  test alarm" in said
    assert {alert["home"] for alert in at_hub().values()} == {"h1"}
    assert (show("falld", "ActiveState"), show("falld", "UnitFileState")) == ("active", "enabled")
    assert not Path("/boot/firmware/falld-answers.toml").exists()
    assert "secret" not in said


TRIALS = (
    a_broker_and_a_hub_are_there,
    cloud_init_understands_every_line,
    it_ends_with_a_test_alarm_that_a_hub_has,
)


if __name__ == "__main__":
    os.chdir("/root")
    main(TRIALS)
