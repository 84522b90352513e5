"""Each setting of [trust] and [limits] has its effect, and nonsense in its place is refused where it stands."""

import resource
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from mailbot.config import Config, load
from mailbot.config.sections import LimitsSection, TrustSection
from mailbot.core.decision import Decision
from mailbot.core.mail import Content, OpenedMail, SignatureState, Trouble
from mailbot.core.quotas import Use
from mailbot.core.records import Reason
from mailbot.mail.gpg import Gpg
from mailbot.mail.limits import MIB
from mailbot.workers.limit import memory_limit
from tests.config.files import changed, problems
from tests.core.cast import IT, KNOWN, NETWORK, NOW, exchange, judge, mail, remembering
from tests.keys import Person, make_key
from tests.mail.mails import header, multipart, opened, part

TEXT = part("text/plain", "x\r\n")


def written(section: str, setting: str, value: object) -> str:
    """The good file with this setting; what is nonsense is marked with what must be found."""
    mailbox = "max_mail_mib = 1\n" if setting == "mail_mib" else ""  # never fetched what is not opened
    return changed(("[smtp]", f"{mailbox}\n[{section}]\n{setting} = {value}\n[smtp]"))


# ---------------------------------------------------------------- effects

Effect = Callable[[Config], None]


def mails_are_not_opened(config: Config) -> None:
    assert opened(header() + TEXT, config.limits).trouble is None
    assert opened(header() + TEXT + b"x" * MIB, config.limits).trouble is Trouble.TOO_LARGE


def parts_are_counted(config: Config) -> None:
    assert opened(header() + multipart("mixed", TEXT, TEXT), config.limits).trouble is None
    assert opened(header() + multipart("mixed", TEXT, TEXT, TEXT), config.limits).trouble is Trouble.LIMITS


def levels_are_counted(config: Config) -> None:
    within = multipart("mixed", TEXT, boundary="=_1_")
    assert opened(header() + within, config.limits).trouble is None
    assert opened(header() + multipart("mixed", within, boundary="=_2_"), config.limits).trouble is Trouble.LIMITS


def time_is_short(config: Config) -> None:
    """What comes of it, tests/workers/test_poison.py shows with a robot."""
    assert config.limits.seconds == 3


def memory_is_bounded(config: Config) -> None:
    with memory_limit(config.limits.memory):
        assert resource.getrlimit(resource.RLIMIT_AS)[0] == 65536 * MIB


def passed(config: Config, made: OpenedMail, answering: bool = False) -> list[Decision]:
    """The same mail twice, at one moment."""
    known = replace(remembering(exchange()) if answering else KNOWN, network=replace(NETWORK, quotas=config.quotas))
    first = judge(made, known)
    spent = {spending.use: spending.whole_at(None, NOW) for spending in first.spent}
    return [first, judge(made, replace(known, spent=spent))]


def one_passes(made: OpenedMail, use: Use, *, answering: bool = False) -> Effect:
    def effect(config: Config) -> None:
        first, second = passed(config, made, answering)
        assert first.held is None
        assert second.held
        assert (second.held.reason, second.entries[0].facts["quota"]) == (Reason.OVER_QUOTA, use.value)

    return effect


def one_letter(config: Config) -> None:
    assert [bool(decision.letters) for decision in passed(config, mail(subject="Hello"))] == [True, False]


def short_keys_are_weak(config: Config) -> None:
    """And the sender is told how long one must be."""
    robot, weak = Person.named("Hub <hub@network.example>"), Person(make_key("Carol <carol@de.example>", "rsa2048"))
    robot.meet(weak)
    gpg = Gpg(robot.key.home, robot.fingerprint, policy=config.policy)
    assert gpg.certificates()[weak.fingerprint].weak
    [verdict] = gpg.verify(TEXT, weak.sign(TEXT))
    assert verdict.state is SignatureState.WEAK
    assert told(config)["rsa_bits"] == 3072


def hashes_are_weak(config: Config) -> None:
    """Made with the hash that is asked for it counts, with another that is sound as well it does not."""
    robot = Person.named("Hub <hub@network.example>")
    author = Person(make_key("Alice <alice@fr.example>", options=("--cert-digest-algo", "SHA512")))
    robot.meet(author)
    gpg = Gpg(robot.key.home, robot.fingerprint, policy=config.policy)
    made = [gpg.verify(TEXT, author.sign(TEXT, f"--digest-algo={name}"))[0].state for name in ("SHA512", "SHA256")]
    assert made == [SignatureState.GOOD, SignatureState.WEAK]
    assert told(config)["hashes"] == ["SHA-512"]


def told(config: Config) -> Mapping[str, object]:
    """The words of the notice to whoever signed too weakly."""
    [letter] = judge(mail(signatures=()), replace(KNOWN, network=replace(NETWORK, policy=config.policy))).letters
    return letter.words


LARGE = Content(b"x" * 200_000, signature=b"s")  # to four mailboxes: 0.8 MB
EFFECTS: Mapping[tuple[str, str], tuple[object, Effect]] = {
    ("limits", "mail_mib"): (1, mails_are_not_opened),
    ("limits", "parts"): (3, parts_are_counted),
    ("limits", "depth"): (1, levels_are_counted),
    ("limits", "seconds_per_mail"): (3, time_is_short),
    ("limits", "memory_mib"): (65536, memory_is_bounded),
    ("limits", "requests_per_hour"): (1, one_passes(mail(subject="[INFO DE] x"), Use.REQUESTS)),
    ("limits", "urgent_per_hour"): (1, one_passes(mail(subject="[REQUEST DE urgent] x"), Use.URGENT)),
    ("limits", "all_per_day"): (1, one_passes(mail(subject="[INFO ALL] x"), Use.ALL)),
    ("limits", "answers_per_hour"): (
        1,
        one_passes(mail(IT.desks[0], subject="Re: [REPLY#2026-0041 IT>FR]"), Use.ANSWERS, answering=True),
    ),
    ("limits", "volume_mib_per_day"): (1, one_passes(mail(content=LARGE), Use.VOLUME)),
    ("limits", "letters_per_hour"): (1, one_letter),
    ("trust", "min_rsa_bits"): (3072, short_keys_are_weak),
    ("trust", "hashes"): ('["sha512"]', hashes_are_weak),
}


@pytest.mark.parametrize(("section", "setting"), EFFECTS)
def test_it_has_its_effect(section: str, setting: str, tmp_path: Path) -> None:
    value, effect = EFFECTS[section, setting]
    path = tmp_path / "config.toml"
    path.write_text(written(section, setting, value))
    effect(load(path))


# ---------------------------------------------------------------- nonsense

ANYWHERE = ("0", "-1", '"1"', "true", "nan", "inf", "[]", "{}", "1979-05-27", "10000000000")
NO_FRACTION = ("1.5",)
BEYOND: Mapping[str, tuple[str, ...]] = {
    "mail_mib": (*NO_FRACTION, "1025"),
    "depth": (*NO_FRACTION, "201"),
    "seconds_per_mail": ("0.5", "3601"),
    "memory_mib": (*NO_FRACTION, "1023", "1048577"),
    "min_rsa_bits": (*NO_FRACTION, "1024", "2047", "16385"),
    "hashes": ('["sha1"]', '["md5"]', '["sha512", "sha1"]', '["ripemd160"]', '[""]', "[512]", '"sha512"'),
}


@pytest.mark.parametrize(("section", "setting"), EFFECTS)
def test_nonsense_is_refused_where_it_stands(section: str, setting: str, tmp_path: Path) -> None:
    for value in (*ANYWHERE, *BEYOND.get(setting, NO_FRACTION)):
        text = written(section, setting, value)
        line = next(number for number, row in enumerate(text.split("\n"), 1) if row.startswith(f"{setting} = "))
        found = problems(tmp_path, text)
        assert {place for _, place in found} == {f"config.toml:{line}"}, (value, found)
        assert found[0][0] in {"out-of-range", "wrong-type", "empty", "unknown-hash"}, (value, found)


def test_none_is_forgotten() -> None:
    named = {("limits", name) for name in LimitsSection.model_fields}
    named |= {("trust", name) for name in TrustSection.model_fields}
    assert set(EFFECTS) == named
