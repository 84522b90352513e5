"""keys: the certificates that the robot knows, and its own key."""

from datetime import UTC, datetime
from pathlib import Path

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.output import answer_json, show_problems, show_table
from mailbot.cli.style import open_config, telling_faults, with_config, with_json
from mailbot.core.findings import Finding
from mailbot.core.validity import flaw_in_use
from mailbot.mail.gpg import Gpg
from mailbot.mail.keyring import KeyExists, init_robot_key
from mailbot.wiring import open_keyring


@click.group()
def keys() -> None:
    """The certificates of the members, and the robot's own key."""


@keys.command("list")
@with_config
@with_json
def list_keys(config_path: Path, as_json: bool) -> int:
    """Every pinned certificate: whose, what, until when, and what is wrong with it."""
    config, now = open_config(config_path, as_json=as_json), datetime.now(UTC)
    with telling_faults(as_json=as_json):
        keyring = open_keyring(config)
        try:
            known = Gpg(keyring.home, config.robot.fingerprint, policy=config.policy).certificates()
        finally:
            keyring.close()
    rows = []
    for folder, fingerprints in sorted(config.directory.pins().items()):
        for fingerprint in sorted(fingerprints):
            certificate = known.get(fingerprint)
            flaw = flaw_in_use(certificate, config.directory, now) if certificate else "missing"
            rows.append(
                {
                    "party": folder,
                    "fingerprint": fingerprint,
                    "user_ids": certificate.user_ids if certificate else (),
                    "algorithm": certificate.algorithm if certificate else None,
                    "expires": certificate.expires if certificate else None,
                    "flaw": flaw,
                }
            )
    if as_json:
        answer_json(rows, keyring.findings)
    else:
        columns = ("party", "fingerprint", "user_ids", "algorithm", "expires", "flaw")
        show_table("certificates", columns, [tuple(row[c] for c in columns) for row in rows], "No certificates.")
        show_problems(keyring.findings)
    return Exit.FINDING if keyring.findings or any(row["flaw"] for row in rows) else Exit.FINE


@keys.command()
@click.option(
    "--home", type=click.Path(path_type=Path), required=True, help="The GnuPG home to make; it must be empty."
)
@click.option("--name", default="mailbot", show_default=True, help="The name in the user IDs.")
@click.option("--address", "addresses", multiple=True, required=True, help="Both addresses of the robot; repeat it.")
@click.option(
    "--passphrase-file", type=click.Path(exists=True, path_type=Path), help="Protect it with what is in there."
)
@with_json
def init(home: Path, name: str, addresses: tuple[str, ...], passphrase_file: Path | None, as_json: bool) -> None:
    """Make the robot's key (ed25519/cv25519), and print the fingerprint that the configuration needs."""
    passphrase = passphrase_file.read_text().strip() if passphrase_file else None
    with telling_faults(as_json=as_json):
        try:
            fingerprint = init_robot_key(home, name, addresses, passphrase)
        except KeyExists as problem:
            hint = "Choose another --home, or go on with that key."
            said = Finding("robot-key.exists", "there is a secret key already", hint, place=str(problem))
            raise Fault(Exit.FINDING, [said], as_json=as_json) from None
    if as_json:
        answer_json({"fingerprint": fingerprint, "home": str(home)})
    else:
        click.echo(fingerprint)
        click.echo(f'Write it into the configuration: [robot] fingerprint = "{fingerprint}"', err=True)
