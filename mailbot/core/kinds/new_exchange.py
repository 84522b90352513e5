"""REQUEST and INFO: a new exchange, passed on to the desks and relays of every target."""

from datetime import datetime, timedelta

from mailbot.core.codes import new_reply_code
from mailbot.core.decision import Case, Decision, Entry, Event, Network
from mailbot.core.holding import ask, hold, refuse
from mailbot.core.letters import (
    PASSED_ON,
    exchange_tag,
    kind_word,
    obstacle,
    owed,
    part_words,
    pass_on,
    receipt,
    something_waits,
    waiting_until,
)
from mailbot.core.mail import Letter
from mailbot.core.parties import Party
from mailbot.core.records import Cause, Exchange, Part, PartStage, Reason
from mailbot.core.tags import ALL, Tag, Urgency, Word


def open_exchange(case: Case) -> Decision:
    """Pass it on to every target that can be reached; what cannot be done does not stop what can."""
    tag, speaker = case.intent.tag, case.speaker
    if tag is None or speaker is None or speaker.party is None:
        return hold(Reason.NOT_ALLOWED, case)
    if not case.intent.tag_signed:
        return ask(tag, case)
    urgency = tag.options.urgency or case.terms.default_urgency
    given = tag.options.deadline or case.terms.deadline_for(urgency)
    if not case.terms.shortest_deadline <= given <= case.terms.longest_deadline:
        return refuse("deadline", case, Reason.BAD_TAG)
    targets = _targets(tag, speaker.party, case.network)
    if not any(isinstance(t, Party) for t in targets.values()):
        return _nobody(targets, case)
    exchange = _exchange(tag, speaker.party, targets, urgency, given, case)
    return _opened(exchange, targets, case)


Targets = dict[str, Party | Cause]  # by the code as it was written


def _targets(tag: Tag, asker: Party, network: Network) -> Targets:
    directory = network.directory
    if tag.targets == (ALL,):
        return {p.code: p for p in directory.members() if p.code != asker.code}
    found: Targets = {}
    for code in tag.targets:
        party = directory.party(code)
        if party is None:
            found[code] = Cause.UNKNOWN_PARTY
        else:
            found[party.code] = Cause.OWN_PARTY if party.code == asker.code else party
    return found


def _exchange(tag: Tag, asker: Party, targets: Targets, urgency: Urgency, given: timedelta, case: Case) -> Exchange:
    parties = [t for t in targets.values() if isinstance(t, Party)]
    return Exchange(
        reference=case.moment.fresh_reference,
        kind=tag.word,
        asker=asker.code,
        parts=tuple(_part(p, tag.word, urgency, case) for p in parties),
        urgency=urgency,
        opened_at=case.now,
        deadline=case.now + given,
        reply_code=new_reply_code(case.moment.chance("reply code")),
        original=case.opened.digest,
        to_all=tag.targets == (ALL,),
        blind=tag.options.blind,
    )


def _part(party: Party, kind: Word, urgency: Urgency, case: Case) -> Part:
    cause = obstacle(party, case.network, case.now)
    if cause:
        return Part(party.code, PartStage.WAITING, cause=cause)
    later = owed(party, kind, urgency, case.network, case.now)
    return Part(party.code, PartStage.PASSED_ON, passed_on_at=case.now, owed=later)


def _opened(exchange: Exchange, targets: Targets, case: Case) -> Decision:
    parties = {t.code: t for t in targets.values() if isinstance(t, Party)}
    reachable = [parties[p.party] for p in exchange.parts if p.stage is PartStage.PASSED_ON]
    unreachable = [parties[p.party] for p in exchange.parts if p.cause is Cause.NO_CERTIFICATE]
    tag = exchange_tag(exchange)
    letters = pass_on(case, exchange, reachable, letter=kind_word(exchange), word=exchange.kind, tag=tag)
    waiting = tuple(letter for p in unreachable for letter in something_waits(p, case))
    return Decision(
        exchanges=(exchange,),
        letters=(*letters, *_receipt(exchange, targets, case), *waiting),
        entries=(_entry(exchange, targets, case),),
        consumed=case.intent.identities,
        keep_original=True,
    )


def _receipt(exchange: Exchange, targets: Targets, case: Case) -> tuple[Letter, ...]:
    said: list[tuple[str, str, datetime | None]] = []
    for code, target in targets.items():
        part = exchange.part(code)
        if isinstance(target, Cause):
            said.append((code, target.value, None))
        elif part and part.cause:
            said.append((code, part.cause.value, waiting_until(exchange, case.network)))
        else:
            said.append((code, PASSED_ON, None))
    words = {"mismatch": _mismatch(case)}
    return receipt(case, exchange, said, letter="receipt", tag=exchange_tag(exchange), words=words)


def _entry(exchange: Exchange, targets: Targets, case: Case) -> Entry:
    outcome = {c: (t.value if isinstance(t, Cause) else _state(exchange, c)) for c, t in targets.items()}
    facts = {
        "mail": case.opened.digest,
        "kind": exchange.kind.value,
        "urgency": exchange.urgency.value,
        "parts": ", ".join(f"{code}: {state}" for code, state in outcome.items()),
        "owed": ", ".join(address for part in exchange.parts for address in part.owed),
        "tag_source": case.intent.tag_source.value if case.intent.tag_source else "none",
        "mismatch": "yes" if _mismatch(case) else "no",
        "repairs": ", ".join(case.opened.repairs),
    }
    return Entry(Event.OPENED, exchange.reference, exchange.asker, facts)


def _state(exchange: Exchange, code: str) -> str:
    part = exchange.part(code)
    return (part.cause or part.stage).value if part else ""


def _mismatch(case: Case) -> bool:
    """The outer subject names other readers, another kind or exchange than the signed tag (trust.md 1)."""
    outer, tag = case.intent.outer_tag, case.intent.tag
    if outer is None or tag is None:
        return False
    says_more = bool(outer.targets) and (set(outer.targets), outer.options) != (set(tag.targets), tag.options)
    return outer.word is not tag.word or says_more


def _nobody(targets: Targets, case: Case) -> Decision:
    language = case.speaker.language if case.speaker else "en"
    parts = tuple(
        part_words(code, cause.value, case.network, language)
        for code, cause in targets.items()
        if isinstance(cause, Cause)
    )
    return refuse("nothing deliverable", case, Reason.BAD_TAG, parts=parts)
