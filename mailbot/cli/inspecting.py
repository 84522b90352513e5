"""`inspect`: how the robot would understand raw mails, without acting on anything."""

import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from mailbot.cli.window import Window
from mailbot.core import gate
from mailbot.core.decision import Case, Known, Moment, Network, TagSource
from mailbot.core.judgement import understand
from mailbot.core.kinds import KINDS, Name, kind_of
from mailbot.core.mail import MailClass, OpenedMail, Signature, SubjectSource
from mailbot.core.records import Assurance, Reason
from mailbot.core.tags import Options, Word, read_party, read_reference
from mailbot.mail.sighting import is_own_id


def inspect(file: str, opened: OpenedMail, window: Window, now: datetime, *, text: bool) -> dict[str, Any]:
    """One mail as a flat record; the names are those of `mailbot inspect --help`."""
    network = window.network
    intent = understand(opened, network)
    case = Case(intent, Known(network), Moment(now, "0000-0000", bytes(32)))
    return {
        "file": file,
        "class": opened.mail_class,
        "rule": opened.rule,
        "answerable": opened.answerable,
        **_tag(case, window),
        "subject": opened.subject,
        "subject_source": opened.subject_source,
        "from": opened.sender,
        "message_id": opened.outer.message_id,
        "references": list(opened.outer.references),
        "encrypted": opened.sealed,
        "signatures": [_signature(s, network) for s in opened.signatures],
        "assurance": intent.assurance,
        "repairs": list(opened.repairs),
        "bounce": _bounce(opened),
        "about": opened.about,
        "return_date": opened.return_date,
        **({"text": opened.text} if text else {}),
        "problem": _problem(case),
    }


def unreadable(file: str, problem: str) -> dict[str, Any]:
    """The record of a file that could not be read at all."""
    return {
        "file": file,
        "class": MailClass.UNREADABLE,
        "rule": "",
        "answerable": False,
        **_no_tag(None),
        "subject": "",
        "subject_source": SubjectSource.OUTER,
        "from": "",
        "message_id": "",
        "references": [],
        "encrypted": False,
        "signatures": [],
        "assurance": Assurance.NONE,
        "repairs": [],
        "bounce": None,
        "about": None,
        "return_date": None,
        "problem": problem,
    }


# ---------------------------------------------------------------- what it wants

_WRITERS = frozenset({MailClass.PERSON, MailClass.LIST})  # machines quote tags, which say nothing of what they want


def _tag(case: Case, window: Window) -> dict[str, Any]:
    """The tag, else what stands in its place: the thread, or the address that it arrived at."""
    intent, treated_as = case.intent, kind_of(case)
    if case.opened.mail_class not in _WRITERS:
        return _no_tag(treated_as)
    if intent.tag is None and intent.tag_problem is None:
        return _replying(case, window)
    tag = intent.tag
    return {
        "kind": tag.word if tag else None,
        "treated_as": treated_as,
        "reference": tag.reference if tag else None,
        "token": tag.token if tag else None,
        "targets": list(tag.targets) if tag else [],
        "arguments": list(tag.arguments) if tag else [],
        "options": _options(tag.options) if tag else {},
        "tag_source": intent.tag_source,
        "tag_signed": intent.tag_signed,
        "tag_problem": intent.tag_problem.en if intent.tag_problem else None,
    }


def _replying(case: Case, window: Window) -> dict[str, Any]:
    """A mail without a tag is still an answer if it stands in a thread of ours, or came to a return path of ours."""
    outer, untagged = case.opened.outer, _no_tag(kind_of(case))
    reply = {**untagged, "kind": Word.REPLY, "treated_as": Name.REPLY}
    if answered := [i for i in outer.references if is_own_id(i, window.own)]:
        reference = next((r for i in answered if (r := _thread(i))), None)
        return {**reply, "reference": reference, "tag_source": TagSource.THREAD}
    arrived = (*outer.delivered_to, *outer.to)
    if any(path.first_tracking(arrived) for path in window.return_paths):
        return {**reply, "tag_source": TagSource.ADDRESS}
    return untagged


_ROOT = re.compile(r"<x\.([0-9-]{6,15})@")  # as Robot.root_of() in mail/writing.py writes it


def _thread(identifier: str) -> str | None:
    """The reference in the identifier that all mail of an exchange refers to."""
    found = _ROOT.match(identifier)
    return read_reference(found[1]) if found else None


def _no_tag(treated_as: Name | None) -> dict[str, Any]:
    return {
        "kind": None,
        "treated_as": treated_as,
        "reference": None,
        "token": None,
        "targets": [],
        "arguments": [],
        "options": {},
        "tag_source": None,
        "tag_signed": False,
        "tag_problem": None,
    }


def _problem(case: Case) -> str | None:
    """Why it would be held. What it belongs to is in the robot's memory, which is not looked at here."""
    name = kind_of(case)
    if objection := gate.examine(case, KINDS[name]):
        return objection
    if case.opened.trouble and case.opened.mail_class is MailClass.UNREADABLE:
        return case.opened.trouble
    return _HELD_ANYWAY.get(name)


_HELD_ANYWAY = {Name.AUTOMATIC: Reason.AUTOMATIC, Name.UNTAGGED: Reason.UNTAGGED}


# ---------------------------------------------------------------- for a person


def card(record: Mapping[str, Any]) -> str:
    """The record for a person: one line for each thing that is there."""
    lines = [str(record["file"])]
    lines += [
        f"  {name:<15} {_said(value)}" for name, value in record.items() if name not in _ELSEWHERE and _told(value)
    ]
    return "\n".join(lines)


_ELSEWHERE = frozenset({"file"})


def _told(value: object) -> bool:
    return value not in (None, "", [], {}, ())


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}={_said(v)}" for k, v in value.items() if _told(v))
    if isinstance(value, (list, tuple)):
        return "; ".join(_said(item) for item in value)
    return str(value)


def _options(options: Options) -> dict[str, Any]:
    return {name: value for name, value in asdict(options).items() if value}


def _signature(signature: Signature, network: Network) -> dict[str, Any]:
    who = network.directory.signer(signature.fingerprint) if signature.fingerprint else None
    return {
        "fingerprint": signature.fingerprint,
        "state": signature.state,
        "party": read_party(who.code) if who and who.code else None,
        "covers": signature.covers,
    }


def _bounce(opened: OpenedMail) -> dict[str, Any] | None:
    if opened.bounce is None:
        return None
    return {
        "recipients": [asdict(r) for r in opened.bounce.recipients],
        "original_message_id": opened.bounce.original_message_id,
        "envelope_id": opened.bounce.envelope_id,
    }
