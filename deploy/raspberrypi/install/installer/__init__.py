"""Installs falld on a Debian or a Raspberry Pi OS. It uses nothing but Python's standard library."""
