"""Draws each transcript of a terminal in this folder, NAME.txt, as NAME.svg.

.venv/bin/python docs/pictures/draw.py
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 110
STYLES = {r"^\$ .*": "bold", r"^ok\b": "green", r"^!!": "bold red", r"^\?": "yellow"}
FETCHED = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Fonts of others' servers; a picture fetches nothing."""


def main() -> None:
    for transcript in sorted(Path(__file__).parent.glob("*.txt")):
        console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
        for line in transcript.read_text().splitlines():
            said = Text(line)
            for pattern, style in STYLES.items():
                said.highlight_regex(pattern, style)
            console.print(said)
        picture = console.export_svg(title="", unique_id=transcript.stem)
        transcript.with_suffix(".svg").write_text(FETCHED.sub("", picture).replace("Fira Code, ", ""))


if __name__ == "__main__":
    main()
