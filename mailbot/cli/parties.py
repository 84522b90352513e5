"""parties: who is in the network, how to reach it, and what keeps mail from it; suspend and resume."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.orders import ask_first, give, order_of, with_yes
from mailbot.cli.output import answer_json, show_table
from mailbot.cli.style import network_at, open_database, with_config, with_json
from mailbot.core.decision import Network
from mailbot.core.findings import Finding
from mailbot.core.letters import obstacle
from mailbot.core.parties import SECRETARIAT, Address, Party
from mailbot.core.records import Suspension
from mailbot.core.tags import Word
from mailbot.core.validity import end_of, flaw_in_use
from mailbot.store.engine import reading
from mailbot.store.orders import suspended

COLUMNS = ("code", "name", "language", "desks", "backups", "relays", "suspended", "obstacle", "key_ends")


@click.group()
def parties() -> None:
    """The parties of the network: their contact points, their certificates, their suspensions."""


@parties.command("list")
@with_config
@with_json
def list_parties(config_path: Path, as_json: bool) -> None:
    """Every party, the secretariat last, with what keeps mail from it now."""
    network, suspensions, now = _look(config_path, as_json=as_json)
    members = network.directory.members()
    office = network.directory.party(SECRETARIAT)
    rows = [_row(party, network, suspensions, now) for party in (*members, *([office] if office else []))]
    if as_json:
        answer_json(rows)
    else:
        show_table("parties", COLUMNS, [tuple(row[c] for c in COLUMNS) for row in rows], "No parties.")


@parties.command("show")
@click.argument("code", metavar="FR")
@with_config
@with_json
def show_party(code: str, config_path: Path, as_json: bool) -> None:
    """One party: each mailbox with the certificates that it is sealed to, and who may sign for it."""
    network, suspensions, now = _look(config_path, as_json=as_json)
    party = network.directory.party(code)
    if party is None:
        hint = "`mailbot parties list` shows them all."
        raise Fault(Exit.FINDING, [Finding("parties.unknown", f"no party {code}", hint)], as_json=as_json)
    row = _row(party, network, suspensions, now)
    boxes = [*party.addresses, *(relay.mailbox for relay in party.relays)]
    said = {
        **row,
        "aliases": party.aliases,
        "time_zone": party.time_zone,
        "mailboxes": [_mailbox(box, network, now) for box in boxes],
        "signers": [_certificate(fingerprint, network, now) for fingerprint in sorted(party.signers)],
    }
    if as_json:
        answer_json(said)
    else:
        _show(said)


def _show(said: dict[str, Any]) -> None:
    facts = [(name, value) for name, value in said.items() if name not in ("mailboxes", "signers")]
    show_table(said["code"], ("what", "value"), facts, "")
    boxes = [(m["address"], m["role"], m["name"], _prints(m), _flaws(m)) for m in said["mailboxes"]]
    show_table("mailboxes", ("address", "role", "name", "sealed_to", "flaws"), boxes, "")
    signers = [(c["fingerprint"], c["ends"], c["flaw"]) for c in said["signers"]]
    show_table("signers", ("fingerprint", "ends", "flaw"), signers, "Nobody signs for it.")


@parties.command("suspend")
@click.argument("code", metavar="FR")
@with_yes
@with_config
@with_json
def suspend_party(code: str, yes: bool, config_path: Path, as_json: bool) -> None:
    """Send a party nothing and take nothing from it, until `resume`; what is for it waits. The same as [SUSPEND FR]."""
    tag = order_of(Word.SUSPEND, f" {code}", as_json=as_json)
    ask_first(f"Suspend {tag.targets[0]}?", yes=yes, as_json=as_json)
    give(tag, config_path, as_json=as_json)


@parties.command("resume")
@click.argument("code", metavar="FR")
@with_config
@with_json
def resume_party(code: str, config_path: Path, as_json: bool) -> None:
    """End a suspension; what waited goes out in the robot's next round. The same as [RESUME FR]."""
    give(order_of(Word.RESUME, f" {code}", as_json=as_json), config_path, as_json=as_json)


def _look(config_path: Path, *, as_json: bool) -> tuple[Network, dict[str, Suspension], datetime]:
    with open_database(config_path, as_json=as_json) as (config, engine):
        with reading(engine) as connection:
            suspensions = suspended(connection)
        network = network_at(config, frozenset(suspensions))
    return network, suspensions, datetime.now(UTC)


def _row(party: Party, network: Network, suspensions: dict[str, Suspension], now: datetime) -> dict[str, Any]:
    suspension, why = suspensions.get(party.code), obstacle(party, network, now)
    used = {fingerprint for desk in party.desks for fingerprint in desk.encrypt_to}
    ends = [end for f in used if (c := network.certificates.get(f)) and (end := end_of(c))]
    return {
        "code": party.code,
        "name": party.name("en"),
        "language": party.language,
        "desks": [desk.address for desk in party.desks],
        "backups": [backup.address for backup in party.backups],
        "relays": [relay.mailbox.name for relay in party.relays],
        "suspended": party.suspended,
        "suspended_since": suspension.since if suspension else None,
        "suspended_by": suspension.ordered_by if suspension else "configuration" if party.suspended else None,
        "obstacle": why,
        "key_ends": min(ends, default=None),
    }


def _mailbox(box: Address, network: Network, now: datetime) -> dict[str, Any]:
    certificates = [_certificate(fingerprint, network, now) for fingerprint in box.encrypt_to]
    return {"address": box.address, "role": box.role, "name": box.name or None, "certificates": certificates}


def _certificate(fingerprint: str, network: Network, now: datetime) -> dict[str, Any]:
    certificate = network.certificates.get(fingerprint)
    flaw = flaw_in_use(certificate, network.directory, now) if certificate else "missing"
    return {"fingerprint": fingerprint, "ends": end_of(certificate) if certificate else None, "flaw": flaw}


def _prints(mailbox: dict[str, Any]) -> list[str]:
    return [certificate["fingerprint"] for certificate in mailbox["certificates"]]


def _flaws(mailbox: dict[str, Any]) -> list[str]:
    return [str(certificate["flaw"]) for certificate in mailbox["certificates"] if certificate["flaw"]]
