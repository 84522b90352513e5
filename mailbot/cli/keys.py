"""keys: the certificates of the members, and the robot's own key."""

from collections.abc import Mapping
from pathlib import Path

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.keyfiles import check, export, import_key
from mailbot.cli.output import answer_json, show_problems, show_table
from mailbot.cli.robotkey import init, rotate, wkd
from mailbot.cli.style import open_config, open_robot, telling_faults, with_config, with_json
from mailbot.cli.yes import confirm, login
from mailbot.core.expiry import notices
from mailbot.core.findings import Finding
from mailbot.core.robotkey import ROBOT
from mailbot.core.validity import flaw_in_use
from mailbot.wiring import Keys, clock, open_keys

COLUMNS = ("party", "fingerprint", "user_ids", "algorithm", "expires", "flaw", "from")


@click.group()
def keys() -> None:
    """The certificates of the members, and the robot's own key."""


@keys.command("list")
@with_config
@with_json
def list_keys(config_path: Path, as_json: bool) -> int:
    """Every certificate in use, the robot's too: whose, what, until when, what is wrong with it, and whether
    configuration or mail brought it.
    """
    config = open_config(config_path, as_json=as_json)
    with telling_faults(as_json=as_json), open_keys(config) as found:
        rows = _rows(found)
        findings = found.keyring.findings
    if as_json:
        answer_json(rows, findings)
    else:
        show_table("certificates", COLUMNS, [tuple(row[c] for c in COLUMNS) for row in rows], "No certificates.")
        show_problems(findings)
    return Exit.FINDING if findings or any(row["flaw"] for row in rows) else Exit.FINE


def _rows(keys: Keys) -> list[Mapping[str, object]]:
    now, directory = clock(), keys.network.directory
    own = frozenset({keys.network.robot, *keys.network.also_opens})
    rows: list[Mapping[str, object]] = []
    for folder, fingerprints in [*sorted(directory.pins().items()), (ROBOT, own)]:
        for fingerprint in sorted(fingerprints):
            certificate = keys.known.get(fingerprint)
            rows.append(
                {
                    "party": folder,
                    "fingerprint": fingerprint,
                    "user_ids": certificate.user_ids if certificate else (),
                    "algorithm": certificate.algorithm if certificate else None,
                    "expires": certificate.expires if certificate else None,
                    "flaw": flaw_in_use(certificate, directory, now) if certificate else "missing",
                    "from": "mail" if keys.amendments.of(fingerprint) else "configuration",
                }
            )
    return rows


@keys.command("renew-notice")
@click.argument("codes", nargs=-1, metavar="[FR DE …]")
@click.option("--dry-run", is_flag=True, help="Show whom it would reach; send nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_config
@with_json
def renew_notice(codes: tuple[str, ...], dry_run: bool, yes: bool, config_path: Path, as_json: bool) -> None:
    """Tell these parties, or everybody whose certificate ends within 60 days, how to extend or renew it.

    The robot does so by itself 60, 30 and 7 days before the end; this is for whoever asks, or did not listen.
    """
    with open_robot(config_path, as_json=as_json) as robot:
        receiver = robot.receiver()
        moment, network = receiver.moment(), robot.memory.as_suspended(robot.network)
        _refuse_unknown([code for code in codes if network.directory.party(code) is None], as_json=as_json)
        decision = notices(network, moment.now, frozenset(code.upper() for code in codes), by=login())
        rows = [(letter.party, box.address) for letter in decision.letters for box in letter.mailboxes]
        if rows and not dry_run:
            confirm(f"Send {len(rows)} mails?", yes=yes, as_json=as_json)
            robot.memory.record(None, decision, receiver.write(decision, moment), moment.now)
    if as_json:
        answer_json({"sent": not dry_run, "mails": [{"party": party, "recipient": box} for party, box in rows]})
    else:
        show_table("notices", ("party", "recipient"), rows, "Nobody's certificate ends soon.")


def _refuse_unknown(codes: list[str], *, as_json: bool) -> None:
    if codes:
        said = Finding("keys.unknown-party", f"nobody has the code {', '.join(codes)}", "`mailbot parties` shows them.")
        raise Fault(Exit.USAGE, [said], as_json=as_json)


for command in (import_key, export, check, init, rotate, wkd):
    keys.add_command(command)
