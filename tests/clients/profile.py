"""A Thunderbird profile of a person in the playground: what the account's dialogs write, and nothing else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mailbot.playground.people import Person
from mailbot.playground.programs import Servers

Settings = Mapping[str, str | int | bool]

_CLEAR: Final = 0  # nsMsgSocketType.plain
_PASSWORD: Final = 3  # nsMsgAuthMethod.passwordCleartext
_REQUIRED: Final = 2  # encryption, of every mail
_KEY_ID: Final = 16  # digits at the end of a fingerprint

_QUIET: Final[Settings] = {
    "app.donation.eoy.version.viewed": 999,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "mail.inappnotifications.enabled": False,
    "mail.provider.enabled": False,
    "mail.rights.version": 1,
    "mail.spellcheck.inline": False,  # which languages there are depends on the machine
    "mailnews.start_page.enabled": False,
    "marionette.port": 0,  # any
    "network.proxy.type": 1,  # through a proxy that is not there
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
}
"""Nothing is asked at the first start, and nothing is fetched from elsewhere."""


def write_profile(folder: Path, person: Person, servers: Servers) -> None:
    """Make the folder with the settings in it; keys and passwords are no settings."""
    folder.mkdir()
    settings = {**_QUIET, **_account(person), **_incoming(person, servers), **_outgoing(person, servers)}
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in settings.items())
    (folder / "user.js").write_text("".join(lines))


def _account(person: Person) -> Settings:
    """One person, who signs and encrypts every mail; beside the account there are always the local folders."""
    return {
        "mail.accountmanager.accounts": "account1,account2",
        "mail.accountmanager.defaultaccount": "account1",
        "mail.accountmanager.localfoldersserver": "server2",
        "mail.account.account1.identities": "id1",
        "mail.account.account1.server": "server1",
        "mail.account.account2.server": "server2",
        "mail.server.server2.type": "none",
        "mail.server.server2.name": "Local Folders",
        "mail.server.server2.hostname": "Local Folders",
        "mail.server.server2.userName": "nobody",
        "mail.identity.id1.fullName": person.name,
        "mail.identity.id1.useremail": person.address,
        "mail.identity.id1.smtpServer": "smtp1",
        "mail.identity.id1.valid": True,
        "mail.identity.id1.openpgp_key_id": person.key.fingerprint[-_KEY_ID:],
        "mail.identity.id1.sign_mail": True,
        "mail.identity.id1.encryptionpolicy": _REQUIRED,
    }


def _incoming(person: Person, servers: Servers) -> Settings:
    return {
        "mail.server.server1.type": "imap",
        "mail.server.server1.name": person.address,
        "mail.server.server1.hostname": "127.0.0.1",
        "mail.server.server1.port": servers.imap_port,
        "mail.server.server1.userName": person.login,
        "mail.server.server1.socketType": _CLEAR,
        "mail.server.server1.authMethod": _PASSWORD,
        "mail.server.server1.login_at_startup": False,  # its password comes a moment later
    }


def _outgoing(person: Person, servers: Servers) -> Settings:
    return {
        "mail.smtpservers": "smtp1",
        "mail.smtp.defaultserver": "smtp1",
        "mail.smtpserver.smtp1.hostname": "127.0.0.1",
        "mail.smtpserver.smtp1.port": servers.smtp_port,
        "mail.smtpserver.smtp1.username": person.login,
        "mail.smtpserver.smtp1.try_ssl": _CLEAR,
        "mail.smtpserver.smtp1.authMethod": _PASSWORD,
    }
