"""What is written is safe only once the disk has it."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Have the disk hold this file, or the names in this directory: only then do they outlive a power cut.

    Raises OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
