"""`mailbot send` as another user: everything is imported first, for checkout and Python may be closed to that user."""

import concurrent.futures
import email
import encodings
import importlib
import os
import pkgutil
import sys
from pathlib import Path
from zoneinfo import available_timezones

import mailbot.cli

DRIVERS = ("sqlalchemy.dialects.sqlite.pysqlite", "sqlalchemy.dialects.postgresql.psycopg", "psycopg", "psycopg_binary")


def become(number: int) -> None:
    """For good: real, effective and saved."""
    os.setgroups([])
    os.setresgid(number, number, number)
    os.setresuid(number, number, number)


def import_everything() -> None:
    for package in (concurrent.futures, email, encodings):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith(("mbcs", "oem")):  # of Windows
                importlib.import_module(module.name)
    for name in ("mailbot.cli.running", *DRIVERS):
        importlib.import_module(name)
    available_timezones()


def read(*paths: str) -> None:
    """Print what may be read of these."""
    for path in paths:
        try:
            Path(path).read_bytes()
            print(path)
        except PermissionError:
            pass


if __name__ == "__main__":
    import_everything()
    become(int(sys.argv[1]))
    if sys.argv[2] == "read":
        read(*sys.argv[3:])
    else:
        sys.argv[1:] = sys.argv[2:]
        mailbot.cli.main()
