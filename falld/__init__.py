"""falld: a fall alarm daemon. Samples in, acknowledged alerts out."""

__version__ = "0.1.0"
