"""Opens files in a process of its own and says what each took: `python -m tests.fuzz.measured HOME KEY FILE…`."""

import hashlib
import json
import re
import resource
import sys
from pathlib import Path

from mailbot.core.mail import IncomingMail, OpenedMail
from mailbot.mail.gpg import Gpg
from mailbot.mail.opening import open_mail


def main(home: str, robot: str, *files: str) -> None:
    """One line of JSON for each file; the first is opened before anything is measured."""
    gpg = Gpg(Path(home), robot)
    _opened(b"Subject: x\r\n\r\nx", gpg)
    for file in files:
        _forget_the_peak()
        before, begun = _peak(), _seconds()
        octets = Path(file).read_bytes()
        mail = _opened(octets, gpg)
        said = {"mail_class": mail.mail_class, "trouble": mail.trouble, "vouched": mail.voucher is not None}
        print(
            json.dumps({**said, "size": len(octets), "took": _seconds() - begun, "memory": _peak() - before}),
            flush=True,
        )


def _opened(octets: bytes, gpg: Gpg) -> OpenedMail:
    return open_mail(IncomingMail(octets, hashlib.sha256(octets).hexdigest()), gpg, b"measured")


def _forget_the_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """The most memory that this process ever had, in octets."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) * 1024


def _seconds() -> float:
    """Of the processor, for this process and all of gpg: a busy machine makes no mail slower."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


if __name__ == "__main__":
    main(*sys.argv[1:])
