"""A QEMU machine whose power can be cut: Debian's kernel, Python and mosquitto, and a disk of its own.

It is switched on once. Each cut begins with a copy of the machine as it stood ready, and with a copy of its disk.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "bluez"))

from image import RELEASE, ROOT, debian, install, keep_modules, wheels

PACKAGES = ("kmod", "mosquitto", "python3")
MODULES = ("virtio_pci", "virtio_blk", "ext4", "crc32c")
WHEELS = ["click", "numpy", "paho-mqtt", "pydantic", "pyyaml"]
"""What homes and hubs import."""
TREE = ("falld", "recordings", "pyproject.toml", "tests/campaign")
QEMU = (
    "qemu-system-x86_64 -accel tcg,thread=single,tb-size=256 -icount shift=0,sleep=off -rtc clock=vm"
    " -cpu Nehalem -m 640 -nodefaults -nographic -no-reboot"
)
"""As in the machine for Bluetooth: no KVM, which hangs where machines are nested, no AVX, and a clock that counts
instructions and jumps where it idles, so that it is late for nothing on a busy host."""
BOOT = "console=ttyS0 quiet panic=-1 rdinit=/opt/falld/tests/campaign/guest/init"
DISK_BYTES = 64 << 20
HANDFUL = 4
SWITCHED_ON_S = 1800.0
RESTORED_S = 120.0


class Line:
    """The serial line, as the host has it."""

    def __init__(self, path: Path, within_s: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        give_up = time.monotonic() + within_s
        while True:
            try:
                self._socket.connect(str(path))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                assert time.monotonic() < give_up, f"{path}: nobody is there"
                time.sleep(0.02)
        self._rest = b""

    def say(self, what: dict[str, Any], apart_s: float = 0.0) -> None:
        """
        Args:
            apart_s: from one handful of bytes to the next, where they go into the 16 that a serial port holds; the
                first byte after a machine went on is lost.
        """
        text = b" " + json.dumps(what).encode() + b"\n"
        for at in range(0, len(text), HANDFUL) if apart_s else (0,):
            self._socket.sendall(text[at : at + HANDFUL] if apart_s else text)
            time.sleep(apart_s)

    def hear(self, within_s: float) -> list[dict[str, Any]]:
        """What came meanwhile; at least one line, or nothing within this time."""
        give_up = time.monotonic() + within_s
        while b"\n" not in self._rest:
            self._socket.settimeout(max(give_up - time.monotonic(), 0.001))
            try:
                data = self._socket.recv(1 << 16)
            except TimeoutError:
                return []
            assert data, "the machine is gone"
            self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        return [json.loads(line) for line in lines if line.startswith(b"{")]

    def close(self) -> None:
        self._socket.close()


class Machine:
    """One that stands ready.

    Args:
        folder: for the machine, its copies and its disk.
    """

    def __init__(self, folder: Path) -> None:
        self.disk = folder / "disk"
        self._folder = folder
        self._ready_disk, self._state = folder / "ready.disk", folder / "ready.state"

    def switch_on(self, kernel: Path, archive: Path) -> None:
        """From the power button until it stands ready; that state is kept."""
        root = self._whole_root(archive)
        with self.disk.open("wb") as disk:
            disk.truncate(DISK_BYTES)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(self.disk)], check=True)
        boot = ["-kernel", str(kernel), "-initrd", str(root), "-append", BOOT]
        with self._running(boot, SWITCHED_ON_S) as (_, line):
            heard = line.hear(SWITCHED_ON_S)
            assert heard == [{"ready": True}], f"the machine said {heard}: {self.console()}"
            steer = Line(self._folder / "qmp", SWITCHED_ON_S)
            commands = [
                {"execute": "qmp_capabilities"},
                {"execute": "migrate", "arguments": {"uri": f"exec:cat >{shlex.quote(str(self._state))}"}},
            ]
            for command in commands:
                steer.say(command)
            while "completed" not in str(heard):
                time.sleep(0.2)
                steer.say({"execute": "query-migrate"})
                heard = steer.hear(SWITCHED_ON_S)
            shutil.copyfile(self.disk, self._ready_disk)

    @contextmanager
    def going_on(self) -> Iterator[Line]:
        """From where it stood ready, until its power is cut."""
        shutil.copyfile(self._ready_disk, self.disk)
        with self._running(["-incoming", f"exec:cat {shlex.quote(str(self._state))}"], RESTORED_S) as (qemu, line):
            yield line
            qemu.kill()

    @contextmanager
    def files(self) -> Iterator[Path]:
        """What is on the disk, after the file system has put itself right as it does when the power is back."""
        mounted = self._folder / "mounted"
        mounted.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "loop", str(self.disk), str(mounted)], check=True)
        try:
            yield mounted
        finally:
            subprocess.run(["umount", str(mounted)], check=True)

    def console(self) -> str:
        return (self._folder / "console").read_text(errors="replace")[-2000:]

    @contextmanager
    def _running(self, how: list[str], within_s: float) -> Iterator[tuple[subprocess.Popen[bytes], Line]]:
        line, qmp = self._folder / "line", self._folder / "qmp"
        for path in (line, qmp):
            path.unlink(missing_ok=True)
        command = [
            *shlex.split(QEMU),
            *("-serial", f"file:{self._folder / 'console'}"),
            *("-chardev", f"socket,id=line,path={line},server=on,wait=off", "-serial", "chardev:line"),
            *("-qmp", f"unix:{qmp},server=on,wait=off"),
            # A write that the machine has finished is in this host's page cache, and stays when QEMU is killed.
            *("-drive", f"file={self.disk},format=raw,if=virtio,cache=writeback"),
            *how,
        ]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as qemu:
            try:
                opened = Line(line, within_s)
                yield qemu, opened
                opened.close()
            finally:
                qemu.kill()

    def _whole_root(self, archive: Path) -> Path:
        """The kernel unpacks one archive after another: Debian's, then the working tree's."""
        staged, root = self._folder / "tree", self._folder / "root.cpio"
        for name in TREE:
            source, target = ROOT / name, staged / "opt/falld" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        shutil.copyfile(archive, root)
        with root.open("ab") as out:
            subprocess.run("find . | cpio --quiet -o -H newc", shell=True, cwd=staged, stdout=out, check=True)
        shutil.rmtree(staged)
        return root


def build(cache: Path) -> tuple[Path, Path]:
    """The kernel and the root as an archive; made anew only where what they are made of has changed."""
    kernel, archive, made_of = (cache / f"{RELEASE}.{what}" for what in ("vmlinuz", "cpio", "json"))
    recipe = json.dumps([PACKAGES, MODULES, WHEELS, (ROOT / "constraints.txt").read_text()])
    if made_of.exists() and made_of.read_text() == recipe:
        return kernel, archive
    if os.geteuid() != 0:
        sys.exit("the machine's root is made by root; run this as root")
    install()
    cache.mkdir(exist_ok=True)
    made_of.unlink(missing_ok=True)
    root, extra = cache / "root", cache / "kernel"
    for folder in (root, extra):
        shutil.rmtree(folder, ignore_errors=True)
    debian(RELEASE, root, "minbase", PACKAGES)
    debian(RELEASE, extra, "extract", ("linux-image-amd64",))
    shutil.copyfile(next((extra / "boot").glob("vmlinuz-*")), kernel)
    keep_modules(extra / "usr/lib/modules", root, MODULES)
    wheels(root, WHEELS)
    for waste in ("usr/share", "var/cache/apt", "var/lib/apt/lists", "var/lib/dpkg", "boot"):
        shutil.rmtree(root / waste, ignore_errors=True)
    with archive.open("wb") as out:
        subprocess.run("find . | cpio --quiet -o -H newc", shell=True, cwd=root, stdout=out, check=True)
    for folder in (root, extra):
        shutil.rmtree(folder)
    made_of.write_text(recipe)
    return kernel, archive
