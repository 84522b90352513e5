"""Read receipts in words alone: the programs' forms, persons who write nearly the same, and texts made to be slow."""

import time

import pytest

from mailbot.mail.receipts import LONGEST, is_receipt

OUTLOOK = "Your message\n\n   To:  Jean\n   Subject:  Re: x\n   Sent:  20/07/2026\n\nwas read on 20/07/2026 10:05.\n"
NOTES = "Votre document :\n\n  x\n\na été reçu par :\n\n  Jean\n\nà :\n\n  10:00\n"


@pytest.mark.parametrize(("text", "subject"), [(OUTLOOK, "Read: Re: x"), (NOTES, "Accusé de réception")])
def test_forms(text: str, subject: str) -> None:
    assert is_receipt(text, subject)
    assert not is_receipt(text + "\nWhy do I get this? And then:\nregards\nAnna\n\n1\n2\n3\n", subject)


def test_another_subject_is_a_persons_text() -> None:
    assert not is_receipt(OUTLOOK, "Read: y")
    assert not is_receipt(OUTLOOK, "Hello")


@pytest.mark.parametrize("line", [" " * 20 + ":\n", " \n", "a: \n", "at: \n"])
def test_no_text_takes_long(line: str) -> None:
    began = time.monotonic()
    is_receipt(("ab\n" + line * LONGEST)[:LONGEST], "Read: x")
    assert time.monotonic() - began < 1
