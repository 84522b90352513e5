"""Certificates by mail: renewal, revocation, introduction, updates; a network on real servers and one robot at work."""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path

import pytest
from click.testing import CliRunner

from mailbot.cli import mailbot
from mailbot.config import load
from mailbot.core.tags import Word
from mailbot.playground.composing import Attachment, Form
from mailbot.playground.keys import Key, end_agents
from mailbot.playground.people import Person
from mailbot.playground.reading import ReadMail
from mailbot.wiring import Robot
from tests.keys import run
from tests.stories.world import World

DAY = timedelta(days=1)


@dataclass
class Play:
    """The world, one robot that lives as long as the module, and a clock that can be set forward."""

    world: World
    robot: Robot
    folder: Path
    ahead: timedelta = timedelta()
    made: list[Key] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def once(self) -> None:
        assert self.robot.once().queued == 0

    def post(self, person: Person, octets: bytes) -> None:
        self.world.post(person.login, octets)
        self.world.dovecot.wait("network@hub.example", 1)
        self.once()

    def raw(self, login: str) -> list[bytes]:
        """What has come since the last look."""
        mails = self.world.dovecot.mails(self.world.people[login].address)
        fresh, self.seen[login] = mails[self.seen.get(login, 0) :], len(mails)
        return fresh

    def mails(self, login: str, reader: Person | None = None) -> list[ReadMail]:
        return [(reader or self.world.people[login]).read(octets) for octets in self.raw(login)]

    def new_key(self, login: str) -> Person:
        """The same person with another key."""
        person = self.world.people[login]
        key = Key.make(self.folder / f"k{len(self.made)}", person.name, person.address)
        key.meet(self.world.cast.robot.certificate, *(p.key.certificate for p in self.world.people.values()))
        self.made.append(key)
        return replace(person, key=key)

    def events(self, event: str) -> list[dict[str, str]]:
        """The facts of these journal rows."""
        return [row["facts"] | {"party": row["party"]} for row in self.world.journal() if row["event"] == event]

    def command(self, line: str, *attached: bytes) -> str:
        """The secretariat gives a command; what it is answered."""
        sec = self.world.people["sec"]
        line = f"{line[:-1]} lang=en]"
        self.post(sec, sec.write(line, "\n", [key_file(octets) for octets in attached]))
        return next(m.cover for m in reversed(self.mails("sec")) if m.tag.tag and m.tag.tag.word is Word.HELP)


def key_file(octets: bytes) -> Attachment:
    return Attachment("key.asc", octets, "application/pgp-keys")


def holding(mails: list[ReadMail], text: str) -> ReadMail:
    """The one mail among them that says this."""
    [found] = [mail for mail in mails if text in " ".join(mail.cover.split())]
    return found


def grouped(fingerprint: str) -> str:
    return " ".join(fingerprint[at : at + 4] for at in range(0, len(fingerprint), 4))


@pytest.fixture(scope="module")
def play(lasting_world: World) -> Iterator[Play]:
    holder: list[Play] = []
    with tempfile.TemporaryDirectory(prefix="mb", dir="/tmp", ignore_cleanup_errors=True) as folder:
        now = lambda: datetime.now(UTC) + (holder[0].ahead if holder else timedelta())  # noqa: E731
        with Robot(load(lasting_world.config), now) as robot:
            holder.append(Play(lasting_world, robot, Path(folder)))
            yield holder[0]
        end_agents(holder[0].made)


@pytest.fixture(autouse=True)
def _from_here(play: Play) -> None:
    """Every test looks at its own mail alone."""
    for login in play.world.people:
        play.raw(login)


def request(person: Person, to: str, text: str) -> bytes:
    return person.write(f"[REQUEST {to} urgent] {text}", f"{text}\n")


# ---------------------------------------------------------------- renewal


def test_a_renewal_from_announcement_to_first_use(play: Play) -> None:
    old, new = play.world.people["fr"], play.new_key("fr")
    fingerprint = new.key.fingerprint
    line = f"[KEY FR {fingerprint}]"

    play.post(old, old.write("[KEY]", "Bonjour\n", [key_file(old.key.certificate), key_file(new.key.certificate)]))
    raw = play.raw("fr")
    told = [old.read(octets) for octets in raw]
    assert holding(told, "ANNONCÉE").signature.is_by(play.world.cast.robot.fingerprint)
    holding(told, "Si ce n'était PAS vous")
    holding(play.mails("fr-ministry"), "Si ce n'était PAS vous")
    assert "not proved yet" in " ".join(play.command(line).split())

    challenge = holding([m for m in map(new.read, raw) if m.cover], "SIGNEZ AVEC LA NOUVELLE")
    assert not [m for m in told if "SIGNEZ AVEC LA NOUVELLE CLÉ :" in m.cover], "the old key does not open it"

    play.post(new, request(new, "IT", "too early"))
    assert play.raw("it") == []

    play.post(old, old.press_reply(challenge, "\n"))
    assert "not proved yet" in " ".join(play.command(line).split()), "signed with the old key it proves nothing"

    play.post(new, new.press_reply(challenge, "\n"))
    to_confirm = holding(play.mails("sec"), "Faites-vous lire")
    assert grouped(fingerprint) in " ".join(to_confirm.cover.split())
    assert play.events("certificate confirmed") == []

    assert "CONFIRMED" in play.command(line)
    raw = play.raw("fr")
    assert [m for octets in raw if "est confirmée" in (m := old.read(octets)).subject], "the old key's owner is told"
    assert [m for octets in raw if "en service" in (m := new.read(octets)).subject], "sealed to the new one"
    holding(play.mails("fr-ministry"), "a confirmé cette clé")

    spain = play.world.people["es"]
    play.post(spain, request(spain, "FR", "to the new key"))
    [octets] = [o for o in play.raw("fr") if "to the new key" in new.read(o).text]
    assert "to the new key" not in old.read(octets).text

    for person, text in ((new, "from the new"), (old, "from the old")):
        play.post(person, request(person, "IT", text))
        assert [m.text for m in play.mails("it")] == [f"{text}\n"], text

    steps = ("announced", "challenged", "confirmed")
    assert [play.events(f"certificate {step}")[0]["fingerprint"] for step in steps] == [fingerprint] * 3


def test_two_announcements_stop_each_other_until_the_secretariat_brings_the_genuine_key(play: Play) -> None:
    italy, first, second = play.world.people["it"], play.new_key("it"), play.new_key("it")
    play.post(italy, italy.write("[KEY]", "\n", [key_file(first.key.certificate)]))
    raw = play.raw("it")
    challenge = holding([m for m in map(first.read, raw) if m.cover], "SIGN WITH THE NEW KEY")
    play.post(italy, italy.write("[KEY]", "\n", [key_file(second.key.certificate)]))
    holding(play.mails("it"), "TWO NEW KEYS")
    holding(play.mails("sec"), "DEUX NOUVELLES CLÉS")

    play.post(first, first.press_reply(challenge, "\n"))
    assert [facts["party"] for facts in play.events("possession of certificate proved")] == ["FR"]
    line = f"[KEY IT {second.key.fingerprint}]"
    assert "one may be a thief's" in " ".join(play.command(line).split())
    assert "another fingerprint" in " ".join(play.command(line, first.key.certificate).split())

    assert "CONFIRMED" in play.command(f"{line[:-1]} reason=compromised]", second.key.certificate)
    assert [m for octets in play.raw("it") if "in use" in (m := second.read(octets)).subject]
    play.post(italy, request(italy, "ES", "no overlap"))
    assert play.raw("es") == []
    play.post(second, request(second, "ES", "from the genuine"))
    assert [m.text for m in play.mails("es")] == ["from the genuine\n"]


def test_what_may_not_be_announced(play: Play) -> None:
    germany, spain = play.world.people["de"], play.world.people["es"]

    def told(*attached: bytes) -> str:
        play.post(germany, germany.write("[KEY]", "\n", [key_file(octets) for octets in attached]))
        return " ".join(play.mails("de")[-1].cover.split())

    assert "in use elsewhere" in told(spain.key.certificate)
    new = play.new_key("de")
    assert "SECRET" in told(new.key.export_secret())
    assert "more than one" in told(new.key.certificate, play.new_key("de").key.certificate)
    assert "not one public key" in told(
        b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nxxxx\n-----END PGP PUBLIC KEY BLOCK-----\n"
    )
    assert [facts for facts in play.events("certificate announced") if facts["party"] == "DE"] == []


def test_who_asks_gets_the_robots_certificate_and_is_told_to_compare(play: Play) -> None:
    germany = play.world.people["de"]
    play.post(germany, germany.write("[KEY]", "\n", [key_file(germany.key.certificate)]))
    [octets] = play.raw("de")
    answer = germany.read(octets)
    fingerprint = play.world.cast.robot.fingerprint
    assert "COMPARE THE FINGERPRINT" in answer.cover
    assert grouped(fingerprint) in " ".join(answer.cover.split())
    inside = message_from_bytes(germany.key.unseal(armour_of(octets)).octets or b"")
    [attached] = [part for part in inside.walk() if part.get_filename() == f"{fingerprint}.asc"]
    assert attached.get_content_type() == "application/pgp-keys"
    shown = run(play.folder, "--show-keys", "--with-colons", octets=bytes(attached.get_payload(decode=True))).stdout
    assert fingerprint.encode() in shown
    stranger = play.world.people["stranger"]
    play.post(stranger, stranger.write("[KEY]", "\n"))
    assert play.raw("stranger") == []


# ---------------------------------------------------------------- updates and revocations


def test_a_longer_life_is_merged_if_its_party_brings_it_and_its_end_is_announced(play: Play) -> None:
    spain, germany = play.world.people["es"], play.world.people["de"]
    longer = with_expiry(spain.key, play.folder / "longer", "50d")
    play.post(germany, germany.write("[KEY]", "\n", [key_file(longer)]))
    assert "in use elsewhere" in " ".join(play.mails("de")[-1].cover.split()), "another party brings it"
    play.post(spain, spain.write("[KEY]", "\n", [key_file(longer)]))
    told = play.mails("es")
    holding(told, "UP TO DATE")
    warning = holding(told, "ENDS in 50 days")
    assert "quick-set-expire" in warning.cover
    play.once()
    assert play.raw("es") == [], "said once"


def test_a_strangers_revocation_counts_at_once(play: Play) -> None:
    germany, spain, stranger = (play.world.people[login] for login in ("de", "es", "stranger"))
    forged = revocation(stranger.key, play.folder / "forged")
    play.post(stranger, stranger.write("look", "\n", [key_file(forged)], form=Form.PLAIN))
    play.post(germany, request(germany, "ES", "before"))
    assert len(play.mails("es")) == 1

    genuine = revocation(germany.key, play.folder / "genuine")
    play.post(stranger, stranger.write("found this", "\n", [key_file(genuine)], form=Form.PLAIN))
    assert [facts["fingerprint"] for facts in play.events("certificate revoked")] == [germany.key.fingerprint]
    holding(play.mails("sec"), "RÉVOQUÉE")
    holding(play.mails("de-police"), "REVOKED")
    play.post(germany, request(germany, "ES", "after"))
    assert play.raw("es") == []
    assert play.events("mail held")[-1]["reason"] == "revoked key"
    play.raw("de")
    play.post(spain, request(spain, "DE", "waits"))
    assert not [o for o in play.raw("de") if germany.key.unseal(armour_of(o)).octets], "nothing is sealed to it"

    lost = play.new_key("de")
    assert "CONFIRMED" in play.command(f"[KEY DE {lost.key.fingerprint}]", lost.key.certificate)
    play.once()
    assert [m for octets in play.raw("de") if "waits" in (m := lost.read(octets)).text], "what waited goes out"
    again = play.command(f"[KEY DE {germany.key.fingerprint}]", germany.key.certificate)
    assert "it is revoked" in " ".join(again.split()), "whatever file returns"


def test_afterwards_the_shell_sees_the_differences_and_writes_them_back(play: Play) -> None:
    config = load(play.world.config)

    def shell(*words: str) -> str:
        result = CliRunner().invoke(
            mailbot, ["keys", *words, "--config", str(play.world.config)], standalone_mode=False
        )
        assert result.exception is None, result.output
        return result.output

    said = shell("check")
    assert "keys.only-database" in said
    assert "keys.retired" in said
    assert "keys.revoked-by-owner" in said
    written = shell("export", "--all")
    for key in play.made:
        path = next(config.keys_dir.glob(f"*/{key.fingerprint}.asc"), None)
        assert (path is not None) == (key.fingerprint in written)
    pinned = re.findall(r'certificates = \["([0-9A-F]{40})"\]', written)
    assert len(pinned) >= 3


def test_the_overlap_ends(play: Play) -> None:
    """The last of all, for the clock never goes back."""
    france = play.world.people["fr"]
    play.ahead = 13 * DAY
    play.post(france, request(france, "ES", "a signature of long ago"))
    assert play.events("mail held")[-1]["reason"] == "signature too old"
    play.ahead = 15 * DAY
    play.post(france, request(france, "ES", "too late"))
    assert play.events("mail held")[-1]["reason"] == "unknown signer"


# ---------------------------------------------------------------- what owners do with their keys


def with_expiry(key: Key, home: Path, expires: str) -> bytes:
    """The certificate with another end, made in a copy of its home."""
    copied(key, home)
    run(home, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-set-expire", key.fingerprint, expires)
    run(home, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-set-expire", key.fingerprint, expires, "*")
    certificate = run(home, "--armor", "--export", key.fingerprint).stdout
    run(home, "--version")
    return certificate


def revocation(key: Key, home: Path) -> bytes:
    """A revocation certificate, and nothing else."""
    copied(key, home)
    written = next((key.home / "openpgp-revocs.d").glob(f"{key.fingerprint}.rev")).read_bytes()
    return written[written.index(b":-----BEGIN") + 1 :]


def copied(key: Key, home: Path) -> None:
    home.mkdir(mode=0o700)
    run(home, "--pinentry-mode", "loopback", "--passphrase", "", "--import", octets=key.export_secret())


def armour_of(octets: bytes) -> bytes:
    begin = octets.find(b"-----BEGIN PGP MESSAGE-----")
    return octets[begin:].split(b"-----END PGP MESSAGE-----")[0] + b"-----END PGP MESSAGE-----\n" if begin >= 0 else b""
