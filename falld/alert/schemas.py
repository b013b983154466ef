"""JSON Schemas of the messages, made from the models: `python -m falld.alert.schemas` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path

from falld.alert import wire
from falld.described import json_schema

FOLDER = Path(__file__).resolve().parent / "schema"
MESSAGES: dict[str, type[wire.Message]] = {
    "ack": wire.Ack,
    "alert": wire.Alert,
    "beat": wire.Beat,
    "clip": wire.Clip,
    "clip_ack": wire.ClipAck,
    "command": wire.Command,
    "health": wire.Health,
    "hub_status": wire.HubStatus,
    "response": wire.Response,
    "status": wire.Status,
}


def schemas() -> dict[str, str]:
    """The text of each schema by its file name."""
    return {f"{name}.json": _schema(name, model) for name, model in MESSAGES.items()}


def _schema(name: str, model: type[wire.Message]) -> str:
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:falld:v1:{name}",
        "$comment": f"at most {model.max_bytes} bytes; unknown fields are ignored",
    }
    return json.dumps(head | json_schema(model), indent=2) + "\n"


def write(folder: Path = FOLDER) -> None:
    """Put the schemas into the folder, and nothing else in it as JSON."""
    folder.mkdir(exist_ok=True)
    texts = schemas()
    for stale in {path.name for path in folder.glob("*.json")} - texts.keys():
        (folder / stale).unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
