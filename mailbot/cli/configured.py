"""The window of a configuration, through which mails are seen as that robot would see them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from mailbot.cli.style import open_config, telling_faults
from mailbot.cli.window import Borrowed, Keys, Window, borrow, with_strangers
from mailbot.config import Config
from mailbot.core.decision import Network
from mailbot.mail.gpg import Gpg
from mailbot.mail.return_path import SECRET_LEAST, ReturnPath
from mailbot.mail.tamed import Allowance
from mailbot.store.engine import StoreUnavailable
from mailbot.store.migrations import SchemaTooNew, SchemaTooOld
from mailbot.store.soundness import Damaged
from mailbot.wiring import Keys as RobotKeys
from mailbot.wiring import network_of, open_keys, own_marks


@contextmanager
def open_configured(path: Path, keys: Keys, allowance: Allowance, *, as_json: bool) -> Iterator[Window]:
    """With the configuration's keys, or with those that are given in their place. Raises Fault."""
    config = open_config(path, as_json=as_json)
    if keys:
        with borrow(keys, as_json=as_json) as borrowed:
            yield _of_keys(config, borrowed, allowance)
        return
    with telling_faults(as_json=as_json), _keys_of(config) as keys_in_use:
        home, robot, policy = keys_in_use.keyring.home, config.robot, config.policy
        gpg = Gpg(home, robot.fingerprint, robot.passphrase(), allowance=allowance, policy=policy)
        keyless = Gpg(home, "", allowance=allowance, policy=policy)
        yield _window(config, gpg, keyless, keys_in_use.network)


@contextmanager
def _keys_of(config: Config) -> Iterator[RobotKeys]:
    """With what mails changed about keys; where the database cannot be asked, as the configuration alone has them."""
    with ExitStack() as stack:
        try:
            found = stack.enter_context(open_keys(config))
        except (StoreUnavailable, SchemaTooOld, SchemaTooNew, Damaged):
            found = stack.enter_context(open_keys(config, alone=True))
        yield found


def _of_keys(config: Config, borrowed: Borrowed, allowance: Allowance) -> Window:
    gpg, keyless = borrowed.gpg(allowance, config.policy), borrowed.keyless(allowance, config.policy)
    network = network_of(config, gpg)
    return _window(config, gpg, keyless, _knowing(network, borrowed))


def _knowing(network: Network, borrowed: Borrowed) -> Network:
    return replace(
        network, directory=with_strangers(network.directory, network.certificates, borrowed), robot=borrowed.robot
    )


def _window(config: Config, gpg: Gpg, keyless: Gpg, network: Network) -> Window:
    robot = config.robot
    path = ReturnPath(robot.return_path, robot.address, bytes(SECRET_LEAST), robot.return_domain)
    return Window(gpg, keyless, network, own_marks(config), config.limits, (path,))
