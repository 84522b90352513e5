#!/usr/bin/env python3
"""Run mailbot from a checkout: make .venv from the locked requirements, then start the command in it.

Standard library only. The command takes this one's place (exec): exit code, Ctrl-C and signals are its own.
Exit codes of this file: 64 usage, 69 something missing on the machine, 75 installing failed, 130 interrupted.
"""

import sys

if sys.version_info < (3, 11):
    sys.stderr.write("run.py: Python 3.11 or newer is needed, and this is {}.{}\n".format(*sys.version_info[:2]))
    sys.exit(69)

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

HELP = """\
usage: python3 run.py COMMAND [ARGUMENTS]

  demo     play the whole main job on this machine, with throw-away keys
  test     run the tests (pytest's arguments; --clients adds those that drive real mail clients)
  ...      every other command of mailbot: check, run, once, status ...; --help after a command explains it

The first start installs the locked requirements into .venv, beside this file.
"""
USAGE, MISSING, TRY_LATER, INTERRUPTED = 64, 69, 75, 130

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
RUNTIME = ROOT / "requirements.lock"
TESTS = ROOT / "tests" / "requirements.lock"

# How pytest shares the tests out; a `-n` that the user gives comes later, and wins.
IN_TWO_PROCESSES = ["-n", "2", "--no-loadscope-reorder"]

# What must be on the machine -> the Debian package that brings it. A name is looked for on PATH, a pattern among files.
GNUPG = {"gpg": "gpg", "gpg-agent": "gpg-agent", "gpgconf": "gpgconf"}
FOR_TESTS = {
    "/usr/sbin/dovecot": "dovecot-core",
    "/usr/lib/dovecot/imap": "dovecot-imapd",
    "/usr/lib/dovecot/lmtp": "dovecot-lmtpd",
    "/usr/sbin/postfix": "postfix",
    "/usr/lib/postgresql/*/bin/initdb": "postgresql",
    "openssl": "openssl",
    "sq": "sq",
    "rnp": "rnp",
    "/usr/lib/*/libpango-1.0.so.0": "libpango-1.0-0",  # these three print the report's PDF
    "/usr/lib/*/libpangoft2-1.0.so.0": "libpangoft2-1.0-0",
    "/usr/lib/*/libharfbuzz-subset.so.0": "libharfbuzz-subset0",
}
FOR_CLIENTS = {
    "neomutt": "neomutt",
    "nano": "nano",
    "tmux": "tmux",
    "thunderbird": "thunderbird",
    "Xvfb": "xvfb",
}


class Installer(NamedTuple):
    """The two command lines that make .venv and install a lock file into it."""

    name: str
    make_venv: list[str]
    install: list[str]


def main(arguments: list[str]) -> NoReturn:
    if not arguments or arguments[0] in {"-h", "--help"}:
        print(HELP, end="", file=sys.stdout if arguments else sys.stderr)
        sys.exit(0 if arguments else USAGE)
    if arguments[0] == "test":
        for_clients = FOR_CLIENTS if "--clients" in arguments else {}
        refuse_if_missing({**GNUPG, **FOR_TESTS, **for_clients}, [RUNTIME, TESTS])
        make_ready([RUNTIME, TESTS])
        os.chdir(ROOT)
        become("pytest", pytest_arguments(arguments[1:]))
    refuse_if_missing(GNUPG, [RUNTIME])
    make_ready([RUNTIME])
    become("mailbot", arguments)


def pytest_arguments(arguments: list[str]) -> list[str]:
    left_out = "not soak" if "--clients" in arguments else "not soak and not clients"
    shared = [] if runs_in_one_process(arguments) else IN_TWO_PROCESSES
    return ["-m", left_out, *shared, *(argument for argument in arguments if argument != "--clients")]


def runs_in_one_process(arguments: list[str]) -> bool:
    """Named tests begin at once; and whoever wants to see or debug a test is in its process."""
    named = any((ROOT / argument.partition("::")[0]).exists() for argument in arguments if argument[:1] != "-")
    return named or not {"-s", "--pdb", "no:xdist", "-pno:xdist"}.isdisjoint(arguments)


def become(module: str, arguments: list[str]) -> NoReturn:
    """-P and PYTHONPATH: modules come from the checkout, never from the folder that the user happens to stand in."""
    command = [str(PYTHON), "-P", "-m", module, *arguments]
    os.execve(PYTHON, command, {**os.environ, "PYTHONPATH": str(ROOT)})


def give_up(code: int, message: str) -> NoReturn:
    print(f"run.py: {message}", file=sys.stderr)
    sys.exit(code)


# ---- the machine


def refuse_if_missing(needed: dict[str, str], locks: list[Path]) -> None:
    names = " ".join(missing_packages(needed, locks))
    if names:
        sudo = "" if os.geteuid() == 0 else "sudo "
        mend = f"{sudo}apt-get update && {sudo}apt-get install --yes {names}"
        give_up(MISSING, f"missing on this machine: {names}. This command mends it: {mend}")


def missing_packages(needed: dict[str, str], locks: list[Path]) -> list[str]:
    """The Debian packages to install, without repetition."""
    packages = [package for program, package in needed.items() if not is_on_machine(program)]
    if not installers() and not all(is_installed(lock) for lock in locks):
        packages.append("python3-venv")
    return list(dict.fromkeys(packages))


def is_on_machine(program: str) -> bool:
    if program.startswith("/"):
        return any(Path("/").glob(program[1:]))
    return shutil.which(program) is not None


# ---- .venv


def make_ready(locks: list[Path]) -> None:
    """Install what is not installed yet. Returns at once where every lock file has its stamp."""
    if all(is_installed(lock) for lock in locks):
        return
    try:
        with one_at_a_time():
            install_with_any(locks)
    except OSError as error:
        give_up(TRY_LATER, f"cannot make {VENV}: {error}")


def install_with_any(locks: list[Path]) -> None:
    """Where uv fails, pip may still succeed: uv does not read pip's configuration."""
    complaint = ""
    for installer in installers():
        complaint = install_all(locks, installer)
        if not complaint:
            return
    give_up(TRY_LATER, f"cannot install the requirements (is the network there?): {complaint}")


def install_all(locks: list[Path], installer: Installer) -> str:
    """What went wrong, or nothing. An installation that was broken off is never built upon: .venv is made afresh."""
    complaint = ""
    if not is_installed(RUNTIME) or any(is_broken_off(lock) for lock in locks):
        remove_venv()
        complaint = attempt(installer.make_venv)
    for lock in locks:
        if not complaint and not is_installed(lock):
            complaint = install_one(lock, installer)
    return complaint


def install_one(lock: Path, installer: Installer) -> str:
    task = f"Installing {count_packages(lock)} packages into {VENV.name} with {installer.name}"
    print(f"{task} ... ", end="", file=sys.stderr, flush=True)
    begin = time.monotonic()
    stamp_of(lock).write_text("begun")
    complaint = attempt([*installer.install, "--require-hashes", "--only-binary", ":all:", "-r", str(lock)])
    if not complaint:
        stamp_of(lock).write_text(mark_of(lock))
    print("failed" if complaint else f"{time.monotonic() - begin:.0f} s", file=sys.stderr)
    return complaint


def remove_venv() -> None:
    """Stamps go first: a removal that is broken off must not leave one behind."""
    for lock in (RUNTIME, TESTS):
        stamp_of(lock).unlink(missing_ok=True)
    if VENV.exists():
        shutil.rmtree(VENV)


def installers() -> list[Installer]:
    """In order of preference. Made with the interpreter behind any venv, which outlives the removal of .venv."""
    interpreter = os.path.realpath(sys.executable)
    usable = []
    uv = shutil.which("uv")
    if uv:
        usable.append(
            Installer(
                "uv",
                [uv, "venv", "--quiet", "--python", interpreter, str(VENV)],
                [uv, "pip", "install", "--quiet", "--python", str(PYTHON)],
            )
        )
    if importlib.util.find_spec("ensurepip"):
        usable.append(
            Installer(
                "pip",
                [interpreter, "-m", "venv", str(VENV)],
                [str(PYTHON), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"],
            )
        )
    return usable


def attempt(command: list[str]) -> str:
    """What the command complained of in one line, or nothing if it did its work."""
    try:
        result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    if result.returncode == 0:
        return ""
    lines = [line.strip() for line in (result.stdout + result.stderr).splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors + lines[-1:] + [f"{command[0]} ended with {result.returncode}"])[0]


def count_packages(lock: Path) -> int:
    return sum("==" in line for line in lock.read_text().splitlines())


# ---- stamps: a lock file counts as installed when its stamp in .venv holds its mark


def stamp_of(lock: Path) -> Path:
    return VENV / f"installed-{'tests' if lock == TESTS else 'runtime'}"


def mark_of(lock: Path) -> str:
    """Another lock file, another Python, or a checkout that was moved or copied gives another mark."""
    facts = (lock.read_bytes(), sys.version.encode(), sys.base_prefix.encode(), os.fsencode(VENV))
    return hashlib.sha256(b"\0".join(facts)).hexdigest()


def is_installed(lock: Path) -> bool:
    return read_stamp(lock) == mark_of(lock) and os.access(PYTHON, os.X_OK)


def is_broken_off(lock: Path) -> bool:
    return read_stamp(lock) not in {"", mark_of(lock)}


def read_stamp(lock: Path) -> str:
    stamp = stamp_of(lock)
    return stamp.read_text() if stamp.is_file() else ""


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two first starts at once: the second waits, and then finds the work done."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        print(file=sys.stderr)
        sys.exit(INTERRUPTED)
