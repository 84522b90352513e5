"""`inspect`: how the robot would understand raw mails, without acting on anything."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from mailbot.core import gate
from mailbot.core.decision import Case, Known, Moment, Network
from mailbot.core.judgement import understand
from mailbot.core.kinds import KINDS, kind_of
from mailbot.core.mail import OpenedMail, Signature
from mailbot.core.tags import Options


def inspect(file: str, opened: OpenedMail, network: Network, now: datetime, *, text: bool) -> dict[str, Any]:
    """One mail as a flat record; the names are those of `mailbot inspect --help`."""
    intent = understand(opened, network)
    case = Case(intent, Known(network), Moment(now, "0000-0000", b""))
    name = kind_of(case)
    objection = gate.examine(case, KINDS[name])
    tag = intent.tag
    return {
        "file": file,
        "class": opened.mail_class,
        "rule": opened.rule,
        "answerable": opened.answerable,
        "kind": tag.word if tag else None,
        "treated_as": name,
        "reference": tag.reference if tag else None,
        "token": tag.token if tag else None,
        "targets": list(tag.targets) if tag else [],
        "arguments": list(tag.arguments) if tag else [],
        "options": _options(tag.options) if tag else {},
        "tag_source": intent.tag_source,
        "tag_signed": intent.tag_signed,
        "tag_problem": intent.tag_problem.en if intent.tag_problem else None,
        "subject": opened.subject,
        "subject_source": opened.subject_source,
        "from": opened.sender,
        "message_id": opened.outer.message_id,
        "references": list(opened.outer.references),
        "encrypted": opened.encrypted,
        "signatures": [_signature(s, network) for s in opened.signatures],
        "assurance": intent.assurance,
        "repairs": list(opened.repairs),
        "bounce": _bounce(opened),
        "return_date": opened.return_date,
        **({"text": opened.text} if text else {}),
        "problem": objection or opened.trouble,
    }


def unreadable(file: str, problem: str) -> dict[str, Any]:
    """The record of a file that could not be read at all."""
    return {"file": file, "class": "unreadable", "answerable": False, "problem": problem}


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
        "party": who.code if who else None,
        "covers": signature.covers,
    }


def _bounce(opened: OpenedMail) -> dict[str, Any] | None:
    if opened.bounce is None:
        return None
    return {
        "recipients": [asdict(r) for r in opened.bounce.recipients],
        "original_message_id": opened.bounce.original_message_id,
    }
