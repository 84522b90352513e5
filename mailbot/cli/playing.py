"""demo: the main job on embedded servers with throw-away keys."""

from pathlib import Path

import rich_click as click

from mailbot.playground.demo import play


@click.command()
@click.option("--keep", is_flag=True, help="Leave the playground running, and print how to connect a mail client.")
@click.option("--facts", type=click.Path(path_type=Path), metavar="FILE", help="Write what happened as JSON.")
def demo(keep: bool, facts: Path | None) -> int:
    """Play a request, its relaying, a reply and an acknowledgement: five desks, two relays, the real robot."""
    return play(keep=keep, facts=facts)
