"""Control mail on real servers: the secretariat (in French) and an operator (in English) run the network by mail."""

import time
from dataclasses import dataclass, replace
from email.message import EmailMessage
from typing import Any

import pytest

from mailbot.core.tags import Word
from mailbot.playground.composing import Form, Subjects
from mailbot.playground.reading import ReadMail
from tests.stories.world import ADDRESS, CONTROL, World

CANARY = "Kanarienvogel-4711"


@dataclass(frozen=True)
class Desk:
    """The network, and somebody at a mail program."""

    world: World

    def command(self, login: str, *lines: str, subject: str = "Hello", **form: Any) -> ReadMail:
        """Send these lines to the control address; the answer, which comes within one cycle."""
        self.send(login, *lines, subject=subject, **form)
        before = len(self.world.dovecot.mails(self.world.people[login].address))
        self.world.once()
        return self.world.mails(login, before + 1)[-1]

    def send(self, login: str, *lines: str, subject: str = "Hello", to: str = CONTROL, **form: Any) -> None:
        person = self.world.people[login]
        draft = person.draft(subject, "".join(f"{line}\n" for line in lines), **form)
        self.world.post(login, person.send_off(replace(draft, to=to)), to)

    def folders(self) -> dict[str, int]:
        """How many mails lie in each folder of the robot."""
        return {name: len(self.world.dovecot.mails(ADDRESS, name)) for name in ("INBOX", "Done", "Held", "Dropped")}


@pytest.fixture(scope="module")
def desk(lasting_world: World) -> Desk:
    """FR has asked DE and IT; an unsigned mail of ES is held; an operator is registered."""
    operator = lasting_world.people["ops"]
    keys = lasting_world.folder / "keys" / "OPERATORS"
    keys.mkdir()
    (keys / f"{operator.key.fingerprint}.asc").write_bytes(operator.key.certificate)
    section = f'\n[[operators]]\nname = "Night watch"\naddress = "{operator.address}"\n'
    section += f'certificates = ["{operator.key.fingerprint}"]\n'
    lasting_world.config.write_text(lasting_world.config.read_text("utf-8") + section, "utf-8")
    france, spain = lasting_world.people["fr"], lasting_world.people["es"]
    lasting_world.post("fr", france.write(f"[REQUEST DE,IT urgent] {CANARY}", f"Where is he? {CANARY}\n"))
    lasting_world.post("es", spain.write("[INFO FR]", f"{CANARY}\n", form=Form.ENCRYPTED))
    lasting_world.once()
    return Desk(lasting_world)


def next_second() -> None:
    """Signatures know no less: of two that were made in the same second neither is the later one."""
    time.sleep(1.05 - time.time() % 1)


def test_the_answer_comes_sealed_from_the_control_address(desk: Desk) -> None:
    answer = desk.command("ops", "[STATUS]")
    assert answer.signature.is_by(desk.world.cast.robot.fingerprint)
    assert (answer.encrypted, answer.decrypts, answer.outer_subject) == (True, True, "[HELP]")
    headers: EmailMessage = answer.headers
    assert CONTROL in str(headers["From"])
    assert CONTROL in str(headers["Reply-To"])
    assert headers["Auto-Submitted"] == "auto-replied"
    assert "Exchanges:    1 open" in answer.cover
    assert "Command:     [STATUS]" in answer.cover
    assert "Journal:" in answer.cover


def test_several_commands_in_french_are_answered_in_one_mail_and_a_wrong_one_stops_no_other(desk: Desk) -> None:
    answer = desk.command("sec", "[SUSPENDRE it]", "[LIBÉRER X-1]", "[RETENUS]", "[RELACHER H-1]", "[AIDE]")
    cover = answer.cover.replace("\xa0", " ")
    assert "Réponses à 5 commandes" in answer.subject
    assert "Italie (IT) est SUSPENDU" in cover
    assert "LIBÉRER a été compris" in cover
    assert "H-1, " in cover
    assert "« RELACHER H-1 » n'est pas une commande" in cover
    assert "[DEMANDE DE,IT urgent]" in cover
    assert [p["code"] for p in desk.world.ask("parties", "list") if p["suspended"]] == ["IT"]


def test_what_a_suspended_party_sends_is_held_and_goes_when_it_is_resumed_and_released(desk: Desk) -> None:
    desk.send("it", "[INFO FR]", "", "Ecco.", to=ADDRESS)
    desk.world.once()
    (_, held) = desk.world.ask("held", "list")
    assert (held["mail"], held["reason"]) == ("H-2", "sender suspended")
    before = len(desk.world.dovecot.mails(desk.world.people["fr"].address))
    next_second()
    answer = desk.command("ops", "[RESUME IT]", "[RELEASE H-2]", "[DROP H-1]", "[RELEASE H-1]", "[RELEASE H-9]")
    cover = " ".join(answer.cover.split())
    for said in (
        "Italy (IT) takes part again",
        "H-2 is RELEASED: passed on, 2026-0002".replace("2026", str(desk.world.journal()[-1]["at"][:4])),
        "H-1 is DROPPED",
        "H-1 was dropped before",
        "there is no held mail H-9",
    ):
        assert said in cover
    assert "Ecco." in desk.world.mails("fr", before + 1)[-1].text
    folders = desk.folders()
    assert (folders["INBOX"], folders["Held"], folders["Dropped"]) == (0, 0, 1)


def test_a_command_that_nobody_signed_is_answered_with_the_line_to_paste(desk: Desk) -> None:
    answer = desk.command("ops", "Please.", subject="[SUSPEND DE]", subjects=Subjects.OUTSIDE)
    assert "NOT DONE YET" in answer.cover
    line = next(line.strip() for line in answer.cover.split("\n") if "line: [" in line).removeprefix("line: ")
    assert [p["code"] for p in desk.world.ask("parties", "list") if p["suspended"]] == []
    assert "Germany (DE) is SUSPENDED" in " ".join(desk.command("ops", line).cover.split())
    next_second()
    assert "takes part again" in desk.command("ops", "[RESUME DE]").cover


def test_pressing_reply_with_a_command_on_top_obeys_it(desk: Desk) -> None:
    listed = desk.command("sec", "[PARTIES]")
    person = desk.world.people["sec"]
    before = len(desk.world.dovecot.mails(person.address))
    desk.world.post("sec", person.press_reply(listed, "\n", tag_line="[RETENUS]"), CONTROL)
    desk.world.once()
    answer = desk.world.mails("sec", before + 1)[-1]
    assert "Rien n'est retenu" in answer.cover


def test_a_desk_sees_its_own_and_nobody_elses(desk: Desk) -> None:
    reference = desk.world.ask("exchanges", "list")[-1]["reference"]
    own = desk.command("fr", "[ÉTAT]", f"[ÉTAT {reference}]").cover
    assert reference in own
    assert "Allemagne (DE)" in own.replace("\xa0", " ")
    target = desk.command("it", f"[STATUS {reference}]").cover
    assert "Italy (IT)" in target
    assert "DE" not in target
    exists, does_not = (desk.command("es", f"[STATUS {r}]").cover for r in (reference, f"{reference[:4]}-0999"))
    assert _said(exists) == _said(does_not)
    assert "there is no such exchange, or it is not yours" in " ".join(exists.split())


def _said(cover: str) -> str:
    """The answer itself: without the command, the time, and the journal, which grows."""
    return cover.partition("Command:")[0]


def test_the_asker_has_it_sent_again(desk: Desk) -> None:
    reference = desk.world.ask("exchanges", "list")[-1]["reference"]
    before = len(desk.world.dovecot.mails(desk.world.people["de"].address))
    refused = desk.command("es", f"[RESEND {reference} DE]")
    assert "not yours" in refused.cover
    answer = desk.command("fr", f"[RENVOYER {reference} DE]")
    assert f"{reference} : renvoyé." in answer.cover.replace("\xa0", " "), answer.cover
    again = desk.world.mails("de", before + 1)[-1]
    assert again.tag.tag is not None
    assert (again.tag.tag.word, again.tag.tag.reference) == (Word.REQUEST, reference)
    assert CANARY in again.text
    assert again.author_signature.is_by(desk.world.people["fr"].key.fingerprint)


def test_nobody_without_the_right_gives_commands(desk: Desk) -> None:
    commands = ("[SUSPEND DE]", "[HELD]", "[PARTIES]", "[RELEASE H-1]", "[DIGEST]", "[PING ALL]")
    for login in ("fr", "fr-ministry"):
        desk.send(login, *commands)
    desk.world.once()
    rows = [row for row in desk.world.journal() if row["facts"].get("by", "").startswith("FR")][-2 * len(commands) :]
    assert {row["event"] for row in rows} == {"refused"}
    assert {row["facts"]["command"] for row in rows} == set(commands)
    assert [p["code"] for p in desk.world.ask("parties", "list") if p["suspended"]] == []


def test_every_command_is_journalled_with_who_asked(desk: Desk) -> None:
    rows = {row["facts"]["command"]: row for row in desk.world.journal() if row["facts"].get("command")}
    suspended, resent = rows["[SUSPEND IT]"], rows["[RESUME IT]"]
    assert (suspended["event"], suspended["party"], suspended["facts"]["by"]) == ("party suspended", "IT", "SEC")
    assert suspended["facts"]["signer"] == desk.world.people["sec"].key.fingerprint
    assert (resent["event"], resent["facts"]["by"]) == ("party resumed", "operator Night watch")
    desk.world.look("journal", "verify")


def test_no_answer_and_no_row_holds_content(desk: Desk) -> None:
    assert CANARY not in str(desk.world.journal())
    for login in ("ops", "sec", "es"):
        for octets in desk.world.dovecot.mails(desk.world.people[login].address):
            assert CANARY not in desk.world.people[login].read(octets).cover
    assert CANARY not in desk.world.look("held", "list") + desk.world.look("exchanges", "list")


def test_what_comes_in_a_mail_of_its_own_is_told_in_the_answer(desk: Desk) -> None:
    before = len(desk.world.dovecot.mails(desk.world.people["sec"].address))
    desk.send("sec", "[BILAN]", "[PING es deadline=2h]", "[PARTAGER PING]", "[ÉTAT]")
    desk.world.once()
    mails = desk.world.mails("sec", before + 2)[before:]
    (answer,) = [" ".join(mail.cover.split()) for mail in mails if "4 commandes" in mail.subject]
    (digest,) = [mail for mail in mails if "4 commandes" not in mail.subject]
    assert CONTROL in str(digest.headers["From"])
    for said in ("1. [DIGEST]", "2. [PING ES deadline=2h]", "P-1", "3. [SHARE PING]", "4. [STATUS]"):
        assert said in answer
    probe = desk.world.people["es"].read(desk.world.dovecot.mails(desk.world.people["es"].address)[-1])
    assert probe.tag.tag is not None
    assert probe.tag.tag.word is Word.PING
