"""What must hold between settings: each rule looks at the raw tree, so that one bad value does not hide another.

A value that has not its form is passed over here: forms.py has told it already.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from mailbot.config.forms import read_address, read_code, read_fingerprint
from mailbot.config.lines import Path, line_of
from mailbot.config.problems import Problem, did_you_mean, dotted
from mailbot.core.certificates import Fingerprint
from mailbot.core.decision import Folder
from mailbot.core.parties import SECRETARIAT
from mailbot.core.records import Terms
from mailbot.core.rounds.terms import LONGEST_WINDOW
from mailbot.core.tags import read_duration
from mailbot.mail.countries import country_names
from mailbot.mail.limits import MIB, Limits
from mailbot.mail.return_path import SECRET_LEAST, ReturnPath, Style
from mailbot.wire.access import LARGEST_MAIL, Tls, is_loopback

Tree = Mapping[str, Any]
Lines = Mapping[Path, int]


class Place(NamedTuple):
    """A value, and where it stands."""

    path: Path
    value: Any


def broken_rules(tree: Tree, lines: Lines) -> Iterator[Problem]:
    """Everything in the file that does not go together."""
    for rule in RULES:
        yield from rule(tree, lines)


def places(tree: Any, pattern: str) -> Iterator[Place]:
    """Every value at a path like `parties.*.desks.*.address`; * is any element of an array."""
    found = [Place((), tree)]
    for step in pattern.split("."):
        found = [inner for place in found for inner in _inner(place, step)]
    yield from found


def _inner(place: Place, step: str) -> Iterator[Place]:
    if step == "*" and isinstance(place.value, list):
        yield from (Place((*place.path, number), value) for number, value in enumerate(place.value))
    elif isinstance(place.value, dict) and step in place.value:
        yield Place((*place.path, step), place.value[step])


def _all(tree: Any, *patterns: str) -> Iterator[Place]:
    for pattern in patterns:
        yield from places(tree, pattern)


def _tables(tree: Tree, *patterns: str) -> Iterator[Place]:
    """The same, but for values that should be tables and are none."""
    return (place for place in _all(tree, *patterns) if isinstance(place.value, dict))


def _table(tree: Tree, name: str) -> Tree:
    """A section, or an empty one where there is none."""
    table = tree.get(name)
    return table if isinstance(table, dict) else {}


# ---------------------------------------------------------------- each thing once

_ADDRESSES = (
    "secretariat.addresses.*",
    "operators.*.address",
    "parties.*.desks.*.address",
    "parties.*.backups.*.address",
    "parties.*.relays.*.address",
)


def _twice(found: Iterable[Place], lines: Lines, name: str, read: Callable[[Any], str | None]) -> Iterator[Problem]:
    seen: dict[str, Path] = {}
    for path, value in found:
        same = read(value)
        if same and same in seen:
            said = f"{dotted(path)}: {value} stands on line {line_of(seen[same], lines)} already"
            yield Problem(name, path, said, "each may stand in the file once only")
        elif same:
            seen[same] = path


def _in_file_order(found: Iterable[Place], lines: Lines) -> list[Place]:
    return sorted(found, key=lambda place: line_of(place.path, lines) or 0)


def duplicate_codes(tree: Tree, lines: Lines) -> Iterator[Problem]:
    """A code or alias that means two parties."""
    found = _in_file_order(_all(tree, "parties.*.code", "parties.*.aliases.*"), lines)
    yield from _twice(found, lines, "duplicate-code", read_code)


def duplicate_addresses(tree: Tree, lines: Lines) -> Iterator[Problem]:
    """An address that is registered for two, or is the robot's own."""
    robot = _table(tree, "robot")
    own = {_folded(robot.get("address")), _folded(robot.get("control_address"))} - {None}
    found = _in_file_order(_all(tree, *_ADDRESSES), lines)
    yield from _twice(found, lines, "duplicate-address", _folded)
    for path, value in found:
        if _folded(value) in own:
            said = f"{dotted(path)}: {value} is the robot's own"
            yield Problem("own-address", path, said, "mail would go round in circles: register another address")


def _folded(value: Any) -> str | None:
    address = read_address(value)
    return address.casefold() if address else None


def duplicate_relay_names(tree: Tree, lines: Lines) -> Iterator[Problem]:
    """Two relays of a party under one name: nobody could tell them apart in a receipt."""
    for party in places(tree, "parties.*"):
        found = [Place((*party.path, *path), value) for path, value in places(party.value, "relays.*.name")]
        yield from _twice(found, lines, "duplicate-relay", _folded_name)


def _folded_name(value: Any) -> str | None:
    return value.strip().casefold() if isinstance(value, str) else None


def same_robot_address(tree: Tree, _lines: Lines) -> Iterator[Problem]:
    """Network and control mail are told apart by the address."""
    robot = _table(tree, "robot")
    address = _folded(robot.get("address"))
    if address and address == _folded(robot.get("control_address")):
        said = "robot.control_address is the same as robot.address"
        yield Problem("same-address", ("robot", "control_address"), said, "give it an alias of the same mailbox")


def desks(tree: Tree, _lines: Lines) -> Iterator[Problem]:
    """A party without desk cannot be reached."""
    for path, party in _tables(tree, "parties.*"):
        if party.get("desks", []) == []:
            said = f"{dotted(path)} ({party.get('code', 'no code')}) has no desk"
            yield Problem("no-desk", path, said, "add [[parties.desks]] with an address")


def names(tree: Tree, _lines: Lines) -> Iterator[Problem]:
    """A party that is no country must say what it is called."""
    for path, party in _tables(tree, "parties.*"):
        code = read_code(party.get("code"))
        if "name" not in party and code and not country_names(code):
            said = f"{dotted(path)} ({code}) has no name, and no country has this code"
            yield Problem("missing-key", (*path, "name"), said, 'add name = { en = "…", fr = "…" }')


# ---------------------------------------------------------------- certificates

_PINS = ("certificates.*", "signers.*", "desks.*.encrypt_to.*", "backups.*.encrypt_to.*", "relays.*.certificates.*")


def _pins(tree: Tree) -> Iterator[tuple[Path, Fingerprint, str]]:
    """Every pinned fingerprint, where it stands, and whose it is."""
    for owner in _tables(tree, "secretariat", "operators.*", "parties.*"):
        for path, value in _all(owner.value, *_PINS):
            if fingerprint := read_fingerprint(value):
                yield (*owner.path, *path), fingerprint, _owner(owner)


def _owner(place: Place) -> str:
    """A word for whom a table is about: the code, or its place."""
    if place.path == ("secretariat",):
        return SECRETARIAT
    return read_code(place.value.get("code")) or dotted(place.path)


def shared_pins(tree: Tree, lines: Lines) -> Iterator[Problem]:
    """Who has a certificate that is pinned for two can speak for both, and read what is meant for the other."""
    robot = read_fingerprint(_table(tree, "robot").get("fingerprint"))
    owners: dict[Fingerprint, str] = {robot: "the robot itself"} if robot else {}
    for path, fingerprint, owner in sorted(_pins(tree), key=lambda pin: line_of(pin[0], lines) or 0):
        first = owners.setdefault(fingerprint, owner)
        if first != owner:
            said = f"{dotted(path)}: this certificate is pinned for {first} already"
            yield Problem("shared-certificate", path, said, "everybody needs a certificate of their own")


# ---------------------------------------------------------------- servers and secrets

_SOURCES = ("_file", "_env", "_credential")


def logins(tree: Tree, _lines: Lines) -> Iterator[Problem]:
    """A user name and exactly one way to prove it; SMTP may do without both."""
    for path, server in _tables(tree, "imap", "smtp", "alarms.smtp"):
        yield from _login(path, server)


def _login(path: Path, server: Tree) -> Iterator[Problem]:
    name = dotted(path)
    given = [key for key in (*("password" + source for source in _SOURCES), "oauth2") if key in server]
    anonymous = "username" not in server
    if anonymous and (given or name == "imap"):
        said = f"{name}.username is missing"
        yield Problem("missing-key", (*path, "username"), said, "add the name that the server knows the mailbox by")
    if not given and (not anonymous or name == "imap") and "password" not in server:
        hint = f"add password_file, password_env, password_credential, or a section [{name}.oauth2]"
        yield Problem("no-secret", path, f"{name} has no password", hint)


def one_source(tree: Tree, _lines: Lines) -> Iterator[Problem]:
    """Of two sources of one secret, nobody knows which counts."""
    for pattern, stem, more in _SECRETS:
        for path, table in _tables(tree, pattern):
            given = [key for key in (*(stem + source for source in _SOURCES), *more) if key in table]
            for first, second in pairwise(given):
                said = f"{dotted((*path, second))}: {first} is given as well"
                yield Problem("two-sources", (*path, second), said, "keep one of them")


_SECRETS = (
    ("robot", "passphrase", ()),
    ("imap", "password", ("oauth2",)),
    ("smtp", "password", ("oauth2",)),
    ("alarms.smtp", "password", ("oauth2",)),
    ("imap.oauth2", "client_secret", ()),
    ("imap.oauth2", "refresh_token", ()),
    ("smtp.oauth2", "client_secret", ()),
    ("smtp.oauth2", "refresh_token", ()),
    ("store", "url", ("url",)),
    ("send", "url", ("url", "handover")),
)


def needed_sources(tree: Tree, _lines: Lines) -> Iterator[Problem]:
    """OAuth2 needs a secret of the client, or a refresh token, or both."""
    for path, table in _tables(tree, "imap.oauth2", "smtp.oauth2"):
        if not any(key.startswith(_OAUTH2) for key in table):
            hint = "add client_secret_file or refresh_token_file (or …_env, …_credential)"
            yield Problem("no-secret", path, f"{dotted(path)} has neither client secret nor refresh token", hint)


_OAUTH2 = ("client_secret", "refresh_token")


def insecure(tree: Tree, _lines: Lines) -> Iterator[Problem]:
    """Without TLS everybody on the way reads the password."""
    for path, server in _tables(tree, "imap", "smtp", "alarms.smtp"):
        host = server.get("host")
        if str(server.get("tls")).lower() == Tls.NONE and isinstance(host, str) and not is_loopback(host):
            said = f'{dotted(path)}.tls = "none" would send passwords in clear to {host}'
            yield Problem("insecure-tls", (*path, "tls"), said, 'use "implicit" or "starttls"; "none" is for localhost')


def store_url(tree: Tree, _lines: Lines) -> Iterator[Problem]:
    """URLs of a kind that we have a store for, without a password."""
    for name in ("store", "send"):
        url, path = _table(tree, name).get("url"), (name, "url")
        if not isinstance(url, str):
            continue
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):
            parsed = None
        if parsed is None or not _usable(parsed):
            hint = "write sqlite:////path/to/file or postgresql://user@host/database"
            yield Problem("store-url", path, f"{name}.url is not the URL of a database that the robot can use", hint)
        elif parsed.password is not None or {"password", "sslpassword"} & parsed.query.keys():
            hint = "use url_file or url_credential, or leave the password to PGPASSFILE; and change it now"
            yield Problem("secret-in-file", path, f"{name}.url holds a password: no secret may stand here", hint)


def _usable(url: URL) -> bool:
    database = url.database or ""
    if url.get_backend_name() == "sqlite":
        return bool(database) and not database.startswith((":memory:", "file:"))
    return url.get_backend_name() == "postgresql" and bool(database)


# ---------------------------------------------------------------- numbers that must fit


def deadlines(tree: Tree, _lines: Lines) -> Iterator[Problem]:
    """The usual deadlines lie between the shortest and the longest one."""
    section, usual = _table(tree, "terms"), Terms()

    def term(name: str) -> Any:
        written = section.get(name)
        return (read_duration(written) if isinstance(written, str) else None) or getattr(usual, name)

    shortest, longest = term("shortest_deadline"), term("longest_deadline")
    for name in ("urgent_deadline", "routine_deadline", "ping_deadline"):
        if not shortest <= term(name) <= longest:
            culprit = next(n for n in (name, "shortest_deadline", "longest_deadline") if n in section)
            said = f"terms.{name} does not lie between shortest_deadline and longest_deadline"
            yield Problem("deadlines", ("terms", culprit), said, "change one of the three")


def pings(tree: Tree, _lines: Lines) -> Iterator[Problem]:
    """Whom the schedule asks must be there, and a window must not reach into another night."""
    section = _table(tree, "ping")
    known = {code for _, value in _all(tree, "parties.*.code", "parties.*.aliases.*") if (code := read_code(value))}
    for path, value in _all(section, "parties.*"):
        if (code := read_code(value)) and code not in known:
            said = f"{dotted(('ping', *path))}: there is no party {code}"
            hint = did_you_mean(code, known) or 'name its code, or "ALL"'
            yield Problem("unknown-party", ("ping", *path), said, hint)
    window = section.get("window")
    if isinstance(window, str) and (read_duration(window) or LONGEST_WINDOW) > LONGEST_WINDOW:
        said = "ping.window is longer than 12 hours"
        yield Problem("window", ("ping", "window"), said, "a window that long would reach into another night")


def sizes(tree: Tree, _lines: Lines) -> Iterator[Problem]:
    """What is fetched must also be opened."""
    fetched = _table(tree, "imap").get("max_mail_mib", LARGEST_MAIL // MIB)
    opened = _table(tree, "limits").get("mail_mib", Limits().size // MIB)
    if isinstance(fetched, int) and isinstance(opened, int) and fetched > opened:
        said = "imap.max_mail_mib is more than limits.mail_mib"
        path = ("limits", "mail_mib") if "mail_mib" in _table(tree, "limits") else ("imap", "max_mail_mib")
        yield Problem("sizes", path, said, "what is fetched must also be opened: raise limits.mail_mib")


def return_paths(tree: Tree, _lines: Lines) -> Iterator[Problem]:
    """A domain of their own is for VERP alone; and there must be room for them in the address."""
    robot = _table(tree, "robot")
    written, address = str(robot.get("return_path", Style.PLUS)).strip().lower(), read_address(robot.get("address"))
    if written not in set(Style):
        return
    if "return_domain" in robot and written != Style.VERP:
        said = f'robot.return_domain is not used by return_path = "{written}"'
        yield Problem("return-domain", ("robot", "return_domain"), said, 'leave it out, or write return_path = "verp"')
    try:
        ReturnPath(Style(written), address or "", b"\0" * SECRET_LEAST)
    except ValueError as flaw:
        yield Problem("return-path", ("robot", "address"), f"robot.address: {flaw}", 'shorten it, or use "verp"')


def folders(tree: Tree, _lines: Lines) -> Iterator[Problem]:
    """Mail that is filed where it lay would be fetched for ever."""
    written = _table(_table(tree, "imap"), "folders")
    names = {"inbox": "INBOX", **{folder.name.lower(): folder.value for folder in Folder}, **written}
    seen: dict[str, str] = {}
    for role, name in names.items():
        same = "INBOX" if str(name).upper() == "INBOX" else str(name)  # the one name whose case does not matter
        first = seen.setdefault(same, role)
        if first != role:
            culprit = role if role in written else first
            said = f"imap.folders: {first} and {role} are both {name}"
            yield Problem("same-folder", ("imap", "folders", culprit), said, "give each its own folder")


Rule = Callable[[Tree, Lines], Iterator[Problem]]

RULES: tuple[Rule, ...] = (
    duplicate_codes,
    duplicate_addresses,
    duplicate_relay_names,
    same_robot_address,
    desks,
    names,
    shared_pins,
    logins,
    one_source,
    needed_sources,
    insecure,
    store_url,
    deadlines,
    pings,
    sizes,
    return_paths,
    folders,
)
