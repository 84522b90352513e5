"""What a row of the table of kinds states."""

from collections.abc import Callable
from dataclasses import dataclass

from mailbot.core.decision import Case, Decision

Act = Callable[[Case], Decision]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of mail: what is done about it once the gate lets it through, and what the gate asks of it."""

    act: Act
    sealed: bool = True  # must be encrypted to the robot
    relays: bool = False  # a relay's signer may send it (network.md §2)
    operators: bool = False  # somebody who belongs to no party may send it
    command: bool = False  # its signature must be younger (trust.md 4)
    proof: bool = False  # signed by a certificate that is not pinned yet, and that is the point (trust.md 11)
    gated: bool = True  # False: nothing is acted on, so there is nothing to guard
