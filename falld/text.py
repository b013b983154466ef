"""Text that others wrote."""

from __future__ import annotations


def printable(text: str) -> str:
    """On one line, without what steers a terminal or cannot be written as UTF-8: each such character as `?`."""
    return "".join(c if c.isprintable() else "?" for c in text)
