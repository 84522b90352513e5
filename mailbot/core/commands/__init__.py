"""The one table of commands: what each does, and what it needs to see.

How a command is written stands in tags.GRAMMAR, who may give it in rights.py, and HELP is made from both.
"""

from collections.abc import Mapping

from mailbot.core.commands.command import Command
from mailbot.core.commands.held import drop, held, held_of, release
from mailbot.core.commands.helping import help_
from mailbot.core.commands.keys import key, key_of
from mailbot.core.commands.membership import parties, resume, suspend, suspension_of
from mailbot.core.commands.pinging import ping, share_ping
from mailbot.core.commands.reporting import digest, report
from mailbot.core.commands.resending import exchange_of, resend
from mailbot.core.commands.status import status
from mailbot.core.sight import Slice
from mailbot.core.tags import Word

_S = Slice


COMMANDS: Mapping[Word, Command] = {
    Word.HELP: Command(help_),
    Word.PING: Command(ping, frozenset({_S.PAST})),
    Word.SHARE: Command(share_ping, frozenset({_S.ROUNDS})),
    Word.STATUS: Command(status, frozenset({_S.EXCHANGES, _S.POSTINGS, _S.OWN, _S.SITUATION, _S.ROUNDS})),
    Word.DIGEST: Command(digest, frozenset({_S.SITUATION})),
    Word.REPORT: Command(report, frozenset({_S.REPORTS})),
    Word.PARTIES: Command(parties, frozenset({_S.SUSPENSIONS})),
    Word.KEY: Command(key, frozenset({_S.RENEWALS}), key_of),
    Word.SUSPEND: Command(suspend, frozenset({_S.SUSPENSIONS}), suspension_of),
    Word.RESUME: Command(resume, frozenset({_S.SUSPENSIONS}), suspension_of),
    Word.HELD: Command(held, frozenset({_S.WAITING})),
    Word.RELEASE: Command(release, frozenset({_S.HELD}), held_of, reopens=True),
    Word.DROP: Command(drop, frozenset({_S.HELD}), held_of),
    Word.RESEND: Command(resend, frozenset({_S.EXCHANGES}), exchange_of, reopens=True),
}
