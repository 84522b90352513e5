"""init: from nothing to a robot that only lacks its parties."""

from dataclasses import dataclass, field
from pathlib import Path

import rich_click as click

from mailbot.cli.checking import check_everything
from mailbot.cli.faults import Exit, Fault
from mailbot.cli.output import answer_json, show_problems
from mailbot.cli.style import open_config, telling_faults, with_json
from mailbot.cli.units import Place, one_service, two_services
from mailbot.config.draft import draft
from mailbot.config.forms import read_address
from mailbot.core.certificates import Fingerprint
from mailbot.core.findings import Finding, Severity
from mailbot.mail.robotkey import init_robot_key

PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Answers:
    """What only the operator knows."""

    name: str
    address: str
    control_address: str
    language: str
    imap_host: str
    smtp_host: str
    username: str
    secretariat: str
    password: str | None = field(repr=False)
    passphrase_file: Path | None = None


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path), default=Path())
@click.option("--name", help="What others see in From. [Network hub]")
@click.option("--address", help="The address that requests and replies go to.")
@click.option("--control-address", help="The address that commands go to; in the same mailbox.")
@click.option("--language", type=click.Choice(["en", "fr"]), help="The robot's own language. [en]")
@click.option("--imap-host", help="The server of the mailbox (TLS, port 993).")
@click.option("--smtp-host", help="The server that takes the robot's mail (TLS, port 465). [that of the mailbox]")
@click.option("--username", help="The user name at both. [the address]")
@click.option("--password-file", type=click.Path(exists=True, path_type=Path), help="Its password is in this file.")
@click.option("--secretariat", help="The secretariat's address.")
@click.option("--passphrase-file", type=click.Path(exists=True, path_type=Path), help="Protects the robot's key.")
@click.option("--no-input", is_flag=True, help="Ask nothing: what is not said takes its default, or is missing.")
@click.option("--no-check", is_flag=True, help="Do not try the servers at the end.")
@click.option("--systemd", is_flag=True, help="Only print a unit for systemd that runs the robot in FOLDER.")
@click.option("--two-users", is_flag=True, help="With --systemd: two units, receive and send, under two users.")
@with_json
def init(folder: Path, systemd: bool, two_users: bool, no_check: bool, as_json: bool, **given: object) -> int:
    """Set up a robot in FOLDER: its key, its folders, and a configuration with every setting explained.

    Asks for what the options do not say. Nothing that is there is overwritten. It ends with `check`, which says what
    is still to be done: the parties, and their certificates.
    """
    if systemd or two_users:
        place = Place(folder.absolute())
        click.echo(two_services(place) if two_users else one_service(place), nl=False)
        return Exit.FINE
    config = folder / "config.toml"
    if config.exists():
        hint = "Choose another folder, or go on with that one: `mailbot check`."
        raise Fault(
            Exit.FINDING, [Finding("init.exists", "there is a robot already", hint, place=str(config))], as_json=as_json
        )
    answers = _asked(given, ask=not given.pop("no_input"), as_json=as_json)
    with telling_faults(as_json=as_json):
        fingerprint = _made(folder, answers)
    findings = [] if no_check else check_everything(open_config(config, as_json=as_json))
    if as_json:
        answer_json({"config": str(config), "fingerprint": fingerprint}, findings, ok=True)
    else:
        _told(config, fingerprint, findings)
    return Exit.FINDING if any(finding.severity is Severity.ERROR for finding in findings) else Exit.FINE


# ---------------------------------------------------------------- asking


def _asked(given: dict[str, object], *, ask: bool, as_json: bool) -> Answers:
    """From the options, else from the terminal; every address of the right form."""
    missing: list[str] = []

    def answer(option: str, question: str, default: str | None = None) -> str:
        said = given.get(option)
        if said is None and ask:
            said = click.prompt(question, default=default, err=True)
        if said is None and default is None:
            missing.append(f"--{option.replace('_', '-')}")
        return str(said or default or "")

    address = answer("address", "The robot's address")
    imap_host = answer("imap_host", "The IMAP server of its mailbox")
    answers = Answers(
        name=answer("name", "Its name, as others see it", "Network hub"),
        address=address,
        control_address=answer("control_address", "Its address for commands, in the same mailbox"),
        language=answer("language", "Its language (en, fr)", "en"),
        imap_host=imap_host,
        smtp_host=answer("smtp_host", "The SMTP server", imap_host),
        username=answer("username", "The user name there", address),
        secretariat=answer("secretariat", "The secretariat's address"),
        password=_password(given.get("password_file"), ask=ask),
        passphrase_file=Path(str(given["passphrase_file"])) if given.get("passphrase_file") else None,
    )
    if missing:
        said = f"missing: {', '.join(missing)}"
        raise Fault(Exit.USAGE, [Finding("usage", said, "Say it, or leave out --no-input.")], as_json=as_json)
    for written in (answers.address, answers.control_address, answers.secretariat):
        if read_address(written) is None:
            hint = "Write it like desk@police.example, without a name."
            raise Fault(Exit.USAGE, [Finding("usage", f"not a mail address: {written}", hint)], as_json=as_json)
    return answers


def _password(file: object, *, ask: bool) -> str | None:
    if file:
        return Path(str(file)).read_text("utf-8").strip()
    if not ask:
        return None
    said = click.prompt("The mailbox's password (it is not shown; empty: later)", hide_input=True, default="", err=True)
    return str(said) or None


# ---------------------------------------------------------------- making


def _made(folder: Path, answers: Answers) -> Fingerprint:
    """Folders, key, passwords, and last of all the configuration. Raises OSError, GpgFailure."""
    for part in ("", "state", "secrets", "keys"):
        (folder / part).mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    passphrase = None
    if answers.passphrase_file:
        passphrase = answers.passphrase_file.read_text("utf-8").strip()
        _write(folder / "secrets" / "passphrase", passphrase)
    addresses = (answers.address, answers.control_address)
    fingerprint = init_robot_key(folder / "gnupg", answers.name, addresses, passphrase)
    if answers.password:
        for server in ("imap", "smtp"):
            _write(folder / "secrets" / f"{server}-password", answers.password)
    _write(folder / "config.toml", _configuration(answers, fingerprint))
    return fingerprint


def _configuration(answers: Answers, fingerprint: Fingerprint) -> str:
    return draft(
        {
            ("robot", "name"): answers.name,
            ("robot", "address"): answers.address,
            ("robot", "control_address"): answers.control_address,
            ("robot", "language"): answers.language,
            ("robot", "fingerprint"): fingerprint,
            ("robot", "passphrase_file"): "secrets/passphrase" if answers.passphrase_file else None,
            ("imap", "host"): answers.imap_host,
            ("imap", "username"): answers.username,
            ("smtp", "host"): answers.smtp_host,
            ("smtp", "username"): answers.username,
            ("smtp", "ehlo_name"): answers.address.rpartition("@")[2],
            ("secretariat", "addresses"): f'["{answers.secretariat}"]',
            ("secretariat", "certificates"): "[]",
        }
    )


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600, exist_ok=False)
    path.write_text(text, "utf-8")


# ---------------------------------------------------------------- telling


def _told(config: Path, fingerprint: Fingerprint, findings: list[Finding]) -> None:
    show_problems(findings)
    click.echo(f"""\
{config} is written, and the robot's key is made. Its fingerprint, which everybody compares by telephone:

  {fingerprint}

Next:
  1. the secretariat and the parties: their sections in {config}, their certificates with
     `mailbot keys import CODE FILE --config {config}`
  2. `mailbot check --config {config}` until all is well
  3. `mailbot run --config {config}`, or as a service: `mailbot init --systemd {config.parent}`""")
