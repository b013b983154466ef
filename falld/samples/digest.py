"""Names for contents."""

from __future__ import annotations

import hashlib


def digest(*parts: str | bytes) -> str:
    """A name for what consists of these parts."""
    found = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        found.update(len(data).to_bytes(8, "little") + data)
    return found.hexdigest()
