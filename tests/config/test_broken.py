"""Broken configurations: every problem is told at once, with its id, its line and what to do."""

from pathlib import Path

import pytest

from mailbot.config import ConfigurationError, load
from tests.config.files import GOOD, ROBOT, A, B, C, D, E, changed, faults, marked, problems

Change = tuple[str, str]

NAME = 'name = "Hub"'
HOST = 'host = "imap.hub.example"'
PASSWORD = 'password_file = "imap-password"'
SMTP_TLS = 'tls = "starttls"'
CODE, SECOND_CODE = 'code = "FR"', 'code = "GB"'
SECOND_PARTY = "[[parties]]\n" + SECOND_CODE
DESK = 'address = "desk@fr.example"'
SECOND_DESK = '{ address = "desk@gb.example" }'
RELAY = 'name = "Police"'
TOKENS = '[imap.oauth2]\ntoken_url = "https://x.example/"\nclient_id = "x"'


def more(line: str, added: str) -> Change:
    """A line, and another after it."""
    return (line, f"{line}\n{added}")


def section(text: str) -> Change:
    """A section more."""
    return ("[smtp]", f"{text}\n[smtp]")


# What is done to the good file. The comment `# !id` says which problem must be found on its line.
FORMS: dict[str, tuple[Change, ...]] = {
    "unknown key": (
        (DESK, 'adress = "desk@fr.example" # !unknown-key'),
        ("[[parties.desks]]", "[[parties.desks]] # !missing-key"),
    ),
    "unknown key at the top": (("[robot]", "colour = 1 # !unknown-key\n[robot]"),),
    "unknown key inline": ((f"{SECOND_DESK},", '{ address = "desk@gb.example", lang = "en" }, # !unknown-key'),),
    "unknown section": (section("[stmp] # !unknown-key"),),
    "missing key": ((HOST, ""), ("[imap]", "[imap] # !missing-key")),
    "number for text": ((HOST, "host = 4 # !wrong-type"),),
    "text for number": (more(HOST, 'port = "993" # !wrong-type'),),
    "fraction for number": (more(HOST, "port = 9.5 # !wrong-type"),),
    "text for truth": (more(CODE, 'suspended = "no" # !wrong-type'),),
    "text for list": ((f'certificates = ["{C}"]', f'certificates = "{C}" # !wrong-type'),),
    "number for duration": (section("[terms]\nurgent_deadline = 4 # !wrong-type"),),
    "number for word": ((SMTP_TLS, "tls = 1 # !wrong-type"),),
    "value for table": (("[robot]", "store = 1 # !wrong-type\n[robot]"),),
    "table for tables": (("[[operators]]", "[operators] # !wrong-type"),),
    "no cron": (section('[ping]\nschedule = ["0 1 * *"] # !cron'),),
    "cron that never comes": (section('[ping]\nschedule = ["0 0 30 2 *"] # !cron'),),
    "no days": (section('[ping]\nblackout = ["24.12.2026"] # !days'),),
    "days backwards": (section('[ping]\nblackout = ["2026-12-24..2026-12-20"] # !days'),),
    "no office hours": (section('[ping]\noffice_hours = "18:00-08:00" # !office-hours'),),
    "sharing": (section('[ping]\nsharing = "all" # !unknown-value'),),
    "nobody to ping": (section("[ping]\nparties = [] # !empty"),),
    "window of a day": (section('[ping]\nwindow = "1d" # !window'),),
    "ping of nobody known": (section('[ping]\nparties = ["FR", "UK", "XX"] # !unknown-party'),),
    "port out of range": (more(HOST, "port = 65536 # !out-of-range"),),
    "poll too seldom": (more(HOST, "poll_seconds = 301 # !out-of-range"),),
    "address with name": ((DESK, 'address = "Desk <desk@fr.example>" # !address'),),
    "two addresses": ((DESK, 'address = "a@fr.example,b@fr.example" # !address'),),
    "address with line break": ((DESK, 'address = "desk@fr.example\\r\\nDATA" # !address'),),
    "address without domain": ((DESK, 'address = "desk" # !address'),),
    "address with a space": ((DESK, 'address = "de sk@fr.example" # !address'),),
    "address with a comment": ((DESK, 'address = "desk(night)@fr.example" # !address'),),
    "address literal": ((DESK, 'address = "desk@[127.0.0.1]" # !address'),),
    "address with quotes": ((DESK, "address = '\"de sk\"@fr.example' # !address"),),
    "address with accents": ((DESK, 'address = "désk@fr.example" # !address'),),
    "address too long": ((DESK, f'address = "{"a" * 65}@fr.example" # !address'),),
    "key id": ((f'["{C}"]', '["0123456789ABCDEF"] # !fingerprint'),),
    "no hexadecimal": ((f'["{C}"]', f'["{"G" * 40}"] # !fingerprint'),),
    "second of a list": ((f'["{C}"]', f'[\n  "{C}",\n  "{E}0", # !fingerprint\n]'),),
    "struck out, not whole": (section('[keys]\nstruck_out = ["AB"] # !fingerprint'),),
    "code too short": ((CODE, 'code = "F" # !code'),),
    "code too long": ((CODE, 'code = "FRANCE123" # !code'),),
    "code with digit first": ((CODE, 'code = "4R" # !code'),),
    "keyword as code": ((CODE, 'code = "all" # !reserved-code'),),
    "French keyword as code": ((CODE, 'code = "TOUS" # !reserved-code'),),
    "secretariat as code": ((CODE, 'code = "SEC" # !reserved-code'),),
    "keyword as alias": (('aliases = ["UK"]', 'aliases = ["INFO"] # !reserved-code'),),
    "unknown language": (('language = "fr"', 'language = "de" # !unknown-language'),),
    "unknown time zone": (('"Europe/London"', '"Europe/Londres" # !unknown-time-zone'),),
    "time zone that is a folder": (('"Europe/London"', '"Europe" # !unknown-time-zone'),),
    "time zone outside": (('"Europe/London"', '"../../etc/passwd" # !unknown-time-zone'),),
    "unknown kind": (more(RELAY, 'kinds = ["reply", "replies"] # !unknown-kind'),),
    "no relay's kind": (more(RELAY, 'kinds = ["PING"] # !unknown-kind'),),
    "no kinds": (more(RELAY, "kinds = [] # !empty"),),
    "unknown urgency": (more(RELAY, 'urgencies = ["soon"] # !unknown-value'),),
    "unknown tls": ((SMTP_TLS, 'tls = "ssl" # !unknown-value'),),
    "unknown sharing": (more(NAME, 'share = "always" # !unknown-value'),),
    "duration": (section('[terms]\nurgent_deadline = "4 hours" # !duration'),),
    "duration of nothing": (section('[terms]\nurgent_deadline = "0m" # !duration'),),
    "duration in a list": (section('[retry]\ndelays = ["1m", "x"] # !duration'),),
    "spread": (section("[retry]\nspread = 1 # !out-of-range"),),
    "too short a key": (section("[trust]\nmin_rsa_bits = 1024 # !out-of-range"),),
    "a broken hash": (section('[trust]\nhashes = ["sha256", "sha1"] # !unknown-hash'),),
    "no hash at all": (section("[trust]\nhashes = [] # !empty"),),
    "nobody may ask": (section("[limits]\nrequests_per_hour = 0 # !out-of-range"),),
    "an hour of another day": (section("[terms]\noverview_hour = 24 # !out-of-range"),),
    "line break in a name": ((NAME, 'name = "Hub\\nBcc: x@y.example" # !text'),),
    "direction mark in a name": (('name.fr = "France"', 'name.fr = "\\u202eecnarF" # !text'),),
    "host with port": ((HOST, 'host = "imap.hub.example:993" # !host'),),
    "return domain": (more(NAME, 'return_path = "verp"\nreturn_domain = "-" # !domain'),),
    "credential with path": ((PASSWORD, 'password_credential = "../x" # !credential'),),
    "empty path": ((PASSWORD, 'password_file = "" # !path'),),
    "home of nobody": ((PASSWORD, 'password_file = "~nobody-of-this-name/x" # !path'),),
    "token in clear": (
        (PASSWORD, TOKENS.replace('https://x.example/"', 'http://x.example/" # !token-url')),
        ('client_id = "x"', 'client_id = "x"\nclient_secret_env = "X"'),
    ),
}

RULES: dict[str, tuple[Change, ...]] = {
    "code twice": ((SECOND_CODE, 'code = "fr" # !duplicate-code'),),
    "alias is a code": (('aliases = ["UK"]', 'aliases = ["FR"] # !duplicate-code'),),
    "address twice": ((f"{SECOND_DESK},", '{ address = "DESK@FR.example" }, # !duplicate-address'),),
    "relay at the desk": (('"police@fr.example"', '"desk@fr.example" # !duplicate-address'),),
    "operator at the secretariat": (('"ops@hub.example"', '"sec@network.example" # !duplicate-address\n#'),),
    "the robot as a party": ((DESK, 'address = "Control@hub.example" # !own-address'),),
    "relay name twice": (
        (
            SECOND_PARTY,
            f'[[parties.relays]]\nname = "police" # !duplicate-relay\naddress = "x@fr.example"\n{SECOND_PARTY}',
        ),
    ),
    "one address for both": (('"control@hub.example"', '"Network@HUB.example" # !same-address'),),
    "no desk": (("[[parties.desks]]\n" + DESK, ""), ("[[parties]]", "[[parties]] # !no-desk")),
    "empty list of desks": (
        (f"desks = [\n    {SECOND_DESK},\n]", "desks = []"),
        (SECOND_PARTY, f"[[parties]] # !no-desk\n{SECOND_CODE}"),
    ),
    "signer of two parties": ((f'["{D}"]', f'["{C}"] # !shared-certificate'),),
    "in other words": ((f'["{D}"]', f'["{" ".join(["cccc"] * 10)}"] # !shared-certificate'),),
    "signer is the secretariat's": (more(SECOND_CODE, f'signers = ["{A}"] # !shared-certificate'),),
    "relay is an operator": (more(RELAY, f'certificates = ["{B}"] # !shared-certificate'),),
    "sealed to another party": (
        (f"{SECOND_DESK},", f'{{ address = "desk@gb.example", encrypt_to = ["{C}"] }}, # !shared-certificate'),
    ),
    "the robot's own certificate": ((f'["{D}"]', f'["{ROBOT}"] # !shared-certificate'),),
    "no user name": (('username = "network"', ""), ("[imap]", "[imap] # !missing-key")),
    "no password": ((PASSWORD, ""), ("[imap]", "[imap] # !no-secret")),
    "user without password": (more(SMTP_TLS, 'username = "x"'), ("[smtp]", "[smtp] # !no-secret")),
    "password without user": (more(SMTP_TLS, 'password_env = "X"'), ("[smtp]", "[smtp] # !missing-key")),
    "password in the file": ((PASSWORD, 'password = "s3cret" # !secret-in-file'),),
    "passphrase in the file": (more(NAME, 'passphrase = "s3cret" # !secret-in-file'),),
    "two passwords": (more(PASSWORD, 'password_env = "X" # !two-sources'),),
    "password and token": (
        more(PASSWORD, TOKENS + '\nclient_secret_env = "X"'),
        ("[imap.oauth2]", "[imap.oauth2] # !two-sources"),
    ),
    "token without secret": ((PASSWORD, TOKENS), ("[imap.oauth2]", "[imap.oauth2] # !no-secret")),
    "token secret in the file": ((PASSWORD, TOKENS + '\nclient_secret = "s3cret" # !secret-in-file'),),
    "no tls": ((SMTP_TLS, 'tls = "none" # !insecure-tls'),),
    "no tls, in capitals": ((SMTP_TLS, 'tls = "NONE" # !insecure-tls'),),
    "store unknown": (section('[store]\nurl = "mysql://h/d" # !store-url'),),
    "store no url": (section('[store]\nurl = "mailbot.db" # !store-url'),),
    "store in memory": (section('[store]\nurl = "sqlite:///:memory:" # !store-url'),),
    "store with password": (section('[store]\nurl = "postgresql://u:s3cret@h/d" # !secret-in-file'),),
    "store with password, hidden": (section('[store]\nurl = "postgresql://u@h/d?password=s3cret" # !secret-in-file'),),
    "two stores": (section('[store]\nurl_file = "x"\nurl = "sqlite:///x" # !two-sources'),),
    "two ways to send": (section('[send]\nurl = "postgresql://u@h/d"\nhandover = "x" # !two-sources'),),
    "sender with password": (section('[send]\nurl = "postgresql://u:s3cret@h/d" # !secret-in-file'),),
    "deadline too long": (section('[terms]\nroutine_deadline = "31d" # !deadlines'),),
    "shortest too long": (section('[terms]\nshortest_deadline = "2d" # !deadlines !deadlines'),),
    "fetched but not opened": (section("[limits]\nmail_mib = 63 # !sizes"),),
    "fetched more than opened": (more(HOST, "max_mail_mib = 129 # !sizes"),),
    "return domain not used": (more(NAME, 'return_domain = "r.example" # !return-domain'),),
    "no room for return paths": (('"network@hub.example"', f'"{"n" * 30}@hub.example" # !return-path'),),
    "folder is the inbox": (more(PASSWORD, '[imap.folders]\ndone = "inbox" # !same-folder'),),
    "folder is another's default": (more(PASSWORD, '[imap.folders]\ndone = "Held" # !same-folder'),),
}


def test_the_good_file_is_good(tmp_path: Path) -> None:
    assert problems(tmp_path, GOOD) == []


@pytest.mark.parametrize("case", FORMS.values(), ids=FORMS)
def test_a_value_of_the_wrong_form_is_told(tmp_path: Path, case: tuple[Change, ...]) -> None:
    text = changed(*case)
    assert problems(tmp_path, text) == marked(text) != []


@pytest.mark.parametrize("case", RULES.values(), ids=RULES)
def test_what_does_not_go_together_is_told(tmp_path: Path, case: tuple[Change, ...]) -> None:
    text = changed(*case)
    assert problems(tmp_path, text) == marked(text) != []


def test_all_problems_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    one_each = ("number for text", "key id", "code too long", "unknown kind")
    also = ("one address for both", "no tls", "relay at the desk")
    text = changed(*(change for name in one_each for change in FORMS[name]), *(RULES[name][0] for name in also))
    assert len(marked(text)) == len(one_each) + len(also)
    assert problems(tmp_path, text) == marked(text)


def test_sections_that_are_missing_are_told_of_the_file(tmp_path: Path) -> None:
    assert problems(tmp_path, "") == [("missing-key", "config.toml")] * 4
    assert {p.message for p in faults(tmp_path, "").problems} == {
        f"{name} is missing" for name in ("robot", "imap", "smtp", "secretariat")
    }


HINTS: dict[str, tuple[Change, str]] = {
    "a key with a slip of the pen": ((DESK, 'adress = "x@y.example"'), "did you mean address?"),
    "a key like no other": ((DESK, f"{DESK}\nzzz = 1"), "known here: address, encrypt_to"),
    "a section with a slip of the pen": (section("[retri]"), "did you mean retry?"),
    "a time zone in another case": (("Europe/London", "europe/london"), "did you mean Europe/London?"),
    "a kind": (more(RELAY, 'kinds = ["replies"]'), "did you mean reply?"),
    "a password": ((PASSWORD, 'password = "s3cret"'), "password_file, password_env, password_credential"),
    "the secretariat": ((CODE, 'code = "SEC"'), "[secretariat]"),
    "a table that must be many": (("[[operators]]", "[operators]"), "[[operators]]"),
    "a second address": ((f"{SECOND_DESK},", '{ address = "desk@fr.example" },'), "once only"),
}


@pytest.mark.parametrize(("change", "hint"), HINTS.values(), ids=HINTS)
def test_the_hint_says_what_to_do(tmp_path: Path, change: Change, hint: str) -> None:
    assert any(hint in problem.hint for problem in faults(tmp_path, changed(change)).problems)


def test_a_duplicate_says_where_the_first_one_stands(tmp_path: Path) -> None:
    text = changed((SECOND_DESK, '{ address = "desk@fr.example" }'))
    line = text.split("\n").index(DESK) + 1
    [problem] = faults(tmp_path, text).problems
    assert problem.message == f"parties[2].desks[1].address: desk@fr.example stands on line {line} already"


@pytest.mark.parametrize("name", [name for name, case in RULES.items() if "s3cret" in str(case)])
def test_a_secret_in_the_wrong_place_is_not_repeated(tmp_path: Path, name: str) -> None:
    error = faults(tmp_path, changed(*RULES[name]))
    assert error.problems
    assert "s3cret" not in f"{error} {error!r} {error.problems!r} {error.__cause__!r} {error.__context__!r}"


def test_every_problem_has_a_hint(tmp_path: Path) -> None:
    for case in (*FORMS.values(), *RULES.values()):
        assert all(problem.hint for problem in faults(tmp_path, changed(*case)).problems)


# ---------------------------------------------------------------- files that hold no configuration


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "config.toml")
    [problem] = caught.value.problems
    assert (problem.id, problem.place) == ("config.missing-file", str(tmp_path / "config.toml"))
    assert "config.example.toml" in problem.hint


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path)
    assert [problem.id for problem in caught.value.problems] == ["config.unreadable-file"]


@pytest.mark.parametrize(
    ("text", "line"),
    [("a = 1\nb = \n", 2), ("a = 1\na = 2\n", 2), ("[robot]\nname = 'open\n", 2), ("a = [\n1,\n", 2), ("\n\n]", 3)],
)
def test_what_is_not_toml_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    assert problems(tmp_path, text) == [("not-toml", f"config.toml:{line}")]


def test_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(GOOD.encode("latin-1"))
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    line = GOOD.split("\n").index('name = { en = "Secretariat", fr = "Secrétariat" }') + 1
    assert [(p.id, p.place) for p in caught.value.problems] == [("config.not-utf-8", f"config.toml:{line}")]


def test_a_file_from_windows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load(path).robot.name == "Hub"
    path.write_bytes(path.read_bytes().replace(b'code = "GB"', b'code = "F"'))
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    assert caught.value.problems[0].place == f"config.toml:{GOOD.split(chr(10)).index(SECOND_CODE) + 1}"
