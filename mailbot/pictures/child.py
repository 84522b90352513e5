"""Runs a module of this folder as a child: facts in by a pipe, octets out by a pipe, with limits on time and memory.

What it is told is on no disk, and what it prints of its failures is not kept: it might quote a fact.
"""

import logging
import os
import resource
import subprocess
import sys
from pathlib import Path

log = logging.getLogger(__name__)

PATIENCE = 15.0  # seconds; a picture takes one. All of a letter must fit into what [limits] allows for a mail
MEMORY = 2 * 1024**3  # octets of address space
MISSING = 69  # exit code of a child that lacks a library
_ROOT = Path(__file__).parents[2]  # where `mailbot` is found, in a checkout too


class ChildFailed(Exception):
    """The child did not do it; the text says how it ended, `missing` that a library is not there."""

    def __init__(self, how: str, *, missing: bool = False) -> None:
        """`how` quotes nothing of what the child was told."""
        super().__init__(how)
        self.missing = missing


def ask(module: str, facts: bytes, cache: Path | None = None, patience: float = PATIENCE) -> bytes:
    """What `python -m MODULE` makes of these facts. Raises ChildFailed.

    `cache` is a folder for its list of fonts; without one it looks for them each time.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", module],
            input=facts,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(cache),
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ChildFailed(f"no answer within {patience:.0f} seconds") from None
    except OSError as failure:
        raise ChildFailed(failure.strerror or "it could not be started") from None
    if done.returncode or not done.stdout:
        raise ChildFailed(f"it ended with {done.returncode}", missing=done.returncode == MISSING)
    return done.stdout


def confine(memory: int = MEMORY, patience: float = PATIENCE) -> None:
    """To be called first in a child: it cannot outgrow or outlive this, even if nobody waits for it any more."""
    for limit, most in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, int(patience) + 1)):
        _, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # clear text in memory


def _environment(cache: Path | None) -> dict[str, str]:
    """Nothing of ours but what it needs: no secret in it."""
    known = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH", "TZ") if name in os.environ}
    folder = {"MPLCONFIGDIR": str(cache), "XDG_CACHE_HOME": str(cache)} if cache else {}
    # BLAS takes memory for a thread on each processor, and there is nothing to calculate.
    return known | folder | {"PYTHONPATH": str(_ROOT), "MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1"}
