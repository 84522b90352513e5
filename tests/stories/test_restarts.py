"""`mailbot run` survives its servers: restarts, sudden death, dropped connections; mail flows again by itself."""

import time

from mailbot.playground.stage import Stage, robot_at_work
from tests.stories.world import World

SOON = 10.0  # seconds from the server's return to the mail's arrival


def test_it_goes_on_after_its_servers_came_back(world: World) -> None:
    """One request after each kind of mishap, all by one and the same process."""

    # Dovecot checks passwords for Postfix, whose processes miss a new Dovecot once: so Postfix comes after it.
    def restart_both() -> None:
        world.dovecot.restart()
        world.postfix.restart()

    def kill_both() -> None:
        world.dovecot.kill()
        world.postfix.kill()
        world.dovecot.start()
        world.postfix.start()

    mishaps = {"SMTP restarted": world.postfix.restart, "both restarted": restart_both, "both killed": kill_both}
    with world.robot():
        relay(world, 1)
        for number, (name, happen) in enumerate(mishaps.items(), 2):
            happen()
            begin = time.monotonic()
            relay(world, number)
            assert time.monotonic() - begin < SOON, name
    assert len(world.ask("exchanges", "list")) == 1 + len(mishaps)
    world.look("journal", "verify")


def test_what_came_while_it_was_away_is_done_at_the_start(world: World) -> None:
    with world.robot():
        relay(world, 1)
    world.post("fr", world.people["fr"].write("[REQUEST IT] x", "while nobody watched\n"))
    with world.robot():
        assert world.mails("it", 2)[1].text == "while nobody watched\n"


def relay(world: World, number: int) -> None:
    """A request from FR to IT, the `number`th, arrives."""
    world.post("fr", world.people["fr"].write("[REQUEST IT] x", f"{number}\n"))
    assert world.mails("it", number)[-1].text == f"{number}\n"
    world.mails("fr", number)


def test_dropped_connections(stage: Stage) -> None:
    """All connections to the mail servers are cut, time and again, in the middle of IDLE."""
    with robot_at_work(stage.config):
        for number in range(1, 4):
            stage.post("fr", stage.people["fr"].write("[REQUEST IT] x", f"{number}\n"))
            stage.store.wait("it", number, seconds=SOON)
            stage.imap.drop_connections()
            stage.smtp.drop_connections()
    texts = [stage.people["it"].read(octets).text for octets in stage.mailbox("it")]
    assert texts == ["1\n", "2\n", "3\n"]
