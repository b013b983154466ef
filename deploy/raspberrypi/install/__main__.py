"""Run as `sudo python3 FOLDER`, or as the one file that `make deb` makes of it."""

from installer.main import main

main()
