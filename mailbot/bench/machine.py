"""What the benchmark ran on, since only ratios travel."""

import os
import platform
import shutil
import sqlite3
import subprocess
from pathlib import Path


def described(imap: str, folder: Path) -> dict[str, str]:
    """A word on everything that makes a difference."""
    return {
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "load": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "gpg": _first_line("gpg", "--version"),
        "database": f"SQLite {sqlite3.sqlite_version}, on {_file_system(folder)}",
        "imap": imap,
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _first_line(*command: str) -> str:
    if shutil.which(command[0]) is None:
        return "not installed"
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    return done.stdout.partition("\n")[0]


def _file_system(folder: Path) -> str:
    """The mount that holds this folder: on one in memory a sync costs nothing."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    path = str(folder.resolve())
    fitting = [words for words in mounts if path == words[1] or path.startswith(words[1].rstrip("/") + "/")]
    return max(fitting, key=lambda words: len(words[1]))[2] if fitting else "an unknown file system"
