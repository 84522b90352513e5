"""keys init, rotate, wkd: the robot's own key."""

from pathlib import Path

import rich_click as click

from mailbot.cli.faults import Exit, Fault
from mailbot.cli.output import answer_json
from mailbot.cli.style import open_config, open_robot, telling_faults, with_config, with_json
from mailbot.cli.yes import confirm, login
from mailbot.config import Config
from mailbot.config.secrets import from_credential, from_file
from mailbot.core.certificates import Fingerprint
from mailbot.core.findings import Finding
from mailbot.core.robotkey import announced
from mailbot.mail.robotkey import KeyExists, init_robot_key, next_robot_key, revocation_file, web_key_files
from mailbot.wire.access import SecretUnavailable


@click.command()
@click.option(
    "--home", type=click.Path(path_type=Path), required=True, help="The GnuPG home to make; it must be empty."
)
@click.option("--name", default="mailbot", show_default=True, help="The name in the user IDs.")
@click.option("--address", "addresses", multiple=True, required=True, help="Both addresses of the robot; repeat it.")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Protect it with what is in there.")
@click.option("--passphrase-credential", metavar="NAME", help="Or with the systemd credential of this name.")
@with_json
def init(
    home: Path,
    name: str,
    addresses: tuple[str, ...],
    passphrase_file: Path | None,
    passphrase_credential: str | None,
    as_json: bool,
) -> None:
    """Make the robot's key (ed25519/cv25519), and print the fingerprint that the configuration needs.

    Its revocation certificate is made with it: keep a copy in a safe, apart from the robot.
    """
    passphrase = _passphrase(passphrase_file, passphrase_credential, as_json=as_json)
    with telling_faults(as_json=as_json):
        try:
            fingerprint = init_robot_key(home, name, addresses, passphrase)
        except KeyExists as problem:
            hint = "Choose another --home, or go on with that key; `mailbot keys rotate` makes the one after it."
            said = Finding("robot-key.exists", "there is a secret key already", hint, place=str(problem))
            raise Fault(Exit.FINDING, [said], as_json=as_json) from None
        except ValueError:
            hint = "A name without < and >, and addresses like network@hub.example, without a name."
            said = Finding("robot-key.user-id", "name and address cannot stand in a user ID", hint)
            raise Fault(Exit.USAGE, [said], as_json=as_json) from None
    revoking = revocation_file(home.absolute(), fingerprint)
    if as_json:
        answer_json({"fingerprint": fingerprint, "home": str(home), "revocation": str(revoking)})
    else:
        click.echo(fingerprint)
        click.echo(f'Write it into the configuration: [robot] fingerprint = "{fingerprint}"', err=True)
        click.echo(f"Copy this file into a safe; it ends the key if somebody steals it: {revoking}", err=True)


def _passphrase(file: Path | None, credential: str | None, *, as_json: bool) -> str | None:
    """Read as the robot will read it, to the last space; an empty one would protect nothing."""
    if file is None and credential is None:
        return None
    if file and credential:
        said = Finding("robot-key.two-passphrases", "two passphrases for one key", "Say one of the two.")
        raise Fault(Exit.USAGE, [said], as_json=as_json)
    try:
        passphrase = (from_file(file) if file else from_credential(credential or ""))()
    except SecretUnavailable as problem:
        said = Finding("robot-key.passphrase", str(problem), "Make it, long and random, with mode 0600.")
        raise Fault(Exit.MISSING, [said], as_json=as_json) from None
    if not passphrase:
        said = Finding("robot-key.passphrase", "the passphrase is empty", "Make it long and random, or have none.")
        raise Fault(Exit.USAGE, [said], as_json=as_json)
    return passphrase


# ---------------------------------------------------------------- the next one


@click.command()
@click.option("--announce", is_flag=True, help="Second step: ask the secretariat to tell everybody of the next key.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_config
@with_json
def rotate(announce: bool, yes: bool, config_path: Path, as_json: bool) -> None:
    """Change the robot's key, without a mail lost: the old and the new one overlap for as long as you like.

    \b
    1. mailbot keys rotate             makes the next key beside the present one and says what to write
                                       into the configuration; restart the robot: it now opens mail for both
    2. mailbot keys rotate --announce  the secretariat gets the fingerprint, signed by the present key; it
                                       answers with a signed [KEY ROBOT FINGERPRINT], and everybody gets the
                                       certificate
    3. [robot] fingerprint and also_opens change places; restart: the robot signs with the new key
    4. weeks later                     take the old one out of also_opens
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    if announce:
        _announce(config_path, yes=yes, as_json=as_json)
        return
    config = open_config(config_path, as_json=as_json)
    _refuse_a_third(config, as_json=as_json)
    confirm("Make the key that is to follow the robot's present one?", yes=yes, as_json=as_json)
    with telling_faults(as_json=as_json):
        robot = config.robot
        fingerprint = next_robot_key(robot.gnupg_home, robot.fingerprint, robot.passphrase())
    revoking = revocation_file(robot.gnupg_home, fingerprint)
    if as_json:
        answer_json({"fingerprint": fingerprint, "revocation": str(revoking)})
        return
    click.echo(fingerprint)
    click.echo(f'Write it into the configuration: [robot] also_opens = ["{fingerprint}"]', err=True)
    click.echo("Restart the robot, then: mailbot keys rotate --announce", err=True)
    click.echo(f"Copy this file into a safe; it ends the key if somebody steals it: {revoking}", err=True)


def _refuse_a_third(config: Config, *, as_json: bool) -> None:
    if config.robot.also_opens:
        hint = "Take the one that is over out of [robot] also_opens first; or go on with --announce."
        said = Finding("robot-key.changing", "the robot's key is being changed already", hint)
        raise Fault(Exit.FINDING, [said], as_json=as_json)


def _announce(config_path: Path, *, yes: bool, as_json: bool) -> None:
    with open_robot(config_path, as_json=as_json) as robot:
        receiver = robot.receiver()
        moment, network = receiver.moment(), robot.memory.as_suspended(robot.network)
        following = _following(robot.config, as_json=as_json)
        decision = announced(following, network, moment.now, login())
        if not decision.letters:
            said = Finding("robot-key.nobody", "no mail to the secretariat can be sealed", "`mailbot keys check`.")
            raise Fault(Exit.FINDING, [said], as_json=as_json)
        confirm("Send the secretariat the fingerprint of the next key?", yes=yes, as_json=as_json)
        robot.memory.record(None, decision, receiver.write(decision, moment), moment.now)
    if as_json:
        answer_json({"fingerprint": following, "recipients": [b.address for b in decision.letters[0].mailboxes]})
    else:
        click.echo(f"The secretariat is asked to compare {following} with you by telephone, and to confirm it.")


def _following(config: Config, *, as_json: bool) -> Fingerprint:
    if len(config.robot.also_opens) == 1:
        return config.robot.also_opens[0]
    hint = "`mailbot keys rotate` makes it, and says what to write."
    said = Finding("robot-key.no-next", "[robot] also_opens does not name the one next key", hint)
    raise Fault(Exit.CONFIGURATION, [said], as_json=as_json)


# ---------------------------------------------------------------- for mail programs to find


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--direct", is_flag=True, help="For the domain's own web server, not for one named openpgpkey.DOMAIN.")
@with_config
@with_json
def wkd(folder: Path, direct: bool, config_path: Path, as_json: bool) -> None:
    """Write the robot's certificate as a web key directory into FOLDER, for a web server to show.

    Mail programs that ask there find the robot's key by its addresses; whom to trust is still said by the fingerprint.
    """
    config = open_config(config_path, as_json=as_json)
    with telling_faults(as_json=as_json):
        files = dict(web_key_files(config.robot.gnupg_home, config.robot.fingerprint, direct=direct))
        written = []
        for name, octets in files.items():
            path = folder / ".well-known" / "openpgpkey" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(octets)
            written.append(str(path))
    if as_json:
        answer_json({"files": written})
    else:
        for path_written in written:
            click.echo(path_written)
