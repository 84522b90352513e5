"""The date of return in an automatic reply, in the languages of the network."""

import time
from datetime import UTC, datetime

import pytest

from mailbot.mail.absence import return_date

RECEIVED = datetime(2026, 7, 20, 8, tzinfo=UTC)

TEXTS = [
    ("I am out of the office and will return on Monday, 17 August 2026.", "2026-08-17"),
    ("I will be back on August 3rd.", "2026-08-03"),
    ("I am away from 20.07.2026 to 31.07.2026", "2026-07-31"),
    ("I'll be back in the office on 8/17/2026", "2026-08-17"),
    ("back 2026-08-01", "2026-08-01"),
    ("Je suis absente jusqu'au 15 août 2026 inclus.", "2026-08-15"),
    ("Je serai de retour le lundi 3 août.", "2026-08-03"),
    ("absent du 20 juillet au 31 juillet 2026", "2026-07-31"),
    ("de retour le 1er septembre", "2026-09-01"),
    ("Ich bin bis zum 31.07.2026 nicht im Büro.", "2026-07-31"),
    ("Ich bin ab dem 3. August wieder erreichbar.", "2026-08-03"),
    ("Ich bin am 03.08.2026 wieder im Büro.", "2026-08-03"),
    ("vom 20.07. bis 31.07.2026 im Urlaub", "2026-07-31"),
    ("Estaré fuera hasta el 5 de septiembre de 2026", "2026-09-05"),
    ("Volveré el lunes 3 de agosto", "2026-08-03"),
    ("Sono assente fino al 21/08/2026", "2026-08-21"),
    ("Sarò di ritorno il 24 agosto", "2026-08-24"),
    ("Jestem nieobecny do 14 sierpnia 2026 r.", "2026-08-14"),
    ("Wracam 3.08.2026", "2026-08-03"),
    ("I return on 5 January.", "2027-01-05"),  # the next one
    # none
    ("I am out of the office.", None),
    ("Thank you for your mail of 20 July 2026.", None),
    ("back on 31 February 2027", None),
    ("back on 3 August 2020", None),
    ("back on 3 August 2036", None),
    ("Your reference 2026-0042 was returned on 1", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "date"), TEXTS)
def test_return_dates(text: str, date: str | None) -> None:
    assert return_date(text, RECEIVED) == date


def test_nothing_without_a_date_of_receipt() -> None:
    assert return_date("back on 3 August", None) is None


@pytest.mark.parametrize(
    "flood", ["return ", "back a ", "do ", "returning 1 ", "1.1.2026 a ", "1 may ", " ", "return" + " " * 50]
)
def test_hostile_texts_take_little_time(flood: str) -> None:
    began = time.process_time()
    return_date(flood * (100_000 // len(flood)), RECEIVED)
    assert time.process_time() - began < 1
