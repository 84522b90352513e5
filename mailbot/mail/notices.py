"""Notices of delivery in no standard form: how programs begin them, whom they name, and what they give back.

What is looked for is the sentence with which a mail server's program begins, in the languages that they are sold in;
such a sentence alone makes no mail a notice (mail/reports.py says what must come with it).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import takewhile

from mailbot.mail.addresses import canonical

HEAD = 600  # characters of the text, spaces folded, in which a program says what it is
LINES_MOST = 400  # that are searched for recipients
RECIPIENTS_MOST = 100
DIAGNOSTIC_LINES = 6  # behind a recipient, in which the reason stands


class Action(StrEnum):
    """What became of a delivery (RFC 3464 §2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"


@dataclass(frozen=True, slots=True)
class Named:
    """A recipient that a notice names, and the lines that say why."""

    address: str
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """A text that begins as a mail server's programs begin; `begins`: with that sentence, and no other words before."""

    named: tuple[Named, ...]
    action: Action
    begins: bool
    returns: bool  # the header of a mail stands behind it
    replies: bool  # a server's reply is quoted in it, `550 5.1.1`


def read_notice(text: str) -> Notice | None:
    """The notice in a text with LF line ends; None if it does not begin as one."""
    head = " ".join(text[: 4 * HEAD].split())[:HEAD].lower()
    found = _DELIVERED.search(head) or _failed().search(head) or _delayed().search(head)
    if found is None:
        return None
    said, returned = _split(text)
    begins = _LEAD.fullmatch(head, 0, found.start()) is not None
    named = tuple(_named(said)) or tuple(_named(text))  # some name the failed only where they quote the mail
    return Notice(named[:RECIPIENTS_MOST], _action(said), begins, returned, bool(_REPLY.search(said)))


def _action(said: str) -> Action:
    """What such a text says became of the delivery; the worst, in doubt."""
    told = " ".join(said.split()).lower()
    if delivered := _DELIVERED.search(told):
        return Action.RELAYED if "relay" in delivered[0] else Action.DELIVERED
    return Action.DELAYED if _delayed().search(told) and not _FINAL.search(told) else Action.FAILED


# ---------------------------------------------------------------- what it gives back

_RETURNED = re.compile(
    r"^[ \t>*|]*(?:-{2,}|={2,}|_{2,}|\*{2,})?[ \t]*(?:"
    r"(?:below (?:this|the next) line|this|here|following|included|attached|enclosed)?[ \t]*(?:is |are )?(?:a )?"
    r"copy of (?:the|your) (?:original )?message"
    r"|(?:the )?(?:start of |begin(?:ning)? of )?(?:the )?"
    r"(?:original|returned|unsent|undelivered|bounced|old|rejected) (?:e-?mail |mail )?"
    r"(?:message|mail|headers?|text)\b.{0,40}"
    r"|message (?:text|headers?|body) follows?|(?:the )?headers? of (?:the|your) .{0,30}|your message reads"
    r"|received header)",
    re.IGNORECASE | re.MULTILINE,
)
_FIELD = re.compile(r"^[ \t>|]{0,8}([A-Za-z][A-Za-z-]{1,30})[ \t]*:", re.MULTILINE)
_OF_SERVERS = frozenset({"received", "message-id", "return-path", "mime-version", "delivered-to", "x-mailer"})
_OF_PERSONS = frozenset({"from", "to", "subject", "date", "cc", "sender", "reply-to"})


def _split(text: str) -> tuple[str, bool]:
    """What the program says, before what it gives back; and whether the header of a mail comes then.

    A person's program quotes From, Date and Subject; only a mail server quotes what stands in no letter.
    """
    separator = _RETURNED.search(text)
    fields = [(found[1].lower(), found.start()) for found in _FIELD.finditer(text)]
    headers = [at for name, at in fields if name in _OF_SERVERS]
    is_mail = bool(headers) and any(name in _OF_PERSONS for name, _ in fields)
    end = min([len(text), *([separator.start()] if separator else []), *(headers[:1] if is_mail else [])])
    return text[:end], is_mail


# ---------------------------------------------------------------- whom it names

_ADDRESS = r"[A-Za-z0-9!#$%&*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,253}[A-Za-z0-9]"
_LABEL = r"(?:rfc822|utf-8|smtp)\s*[;:]?\s*"
_NAMED = (
    re.compile(rf"^\W{{0,8}}(?:{_LABEL})?<?({_ADDRESS})>?[\s:;.,]{{0,4}}$", re.IGNORECASE),  # alone on its line
    re.compile(rf"^\W{{0,8}}(?:{_LABEL})?<({_ADDRESS})>", re.IGNORECASE),  # `<a@b.example>: host … said`
    re.compile(rf"^\W{{0,8}}({_ADDRESS})(?=[\s:;,(])"),  # at its beginning
    re.compile(rf"rcpt to:\s*<?({_ADDRESS})", re.IGNORECASE),
    re.compile(
        rf"(?:recipients?|address|addressee|mailbox|user|empfänger|destinataire|destinatario|to|for|an|à|para|收件人|宛先"
        rf"|수신자)(?: address)?[(s)]{{0,3}}\s*[:：=]?\s*(?:\[?smtp:)?[<\"'«„(]{{0,2}}({_ADDRESS})",
        re.IGNORECASE,
    ),
)
_SERVERS = re.compile(r"(?:postmaster|mailer-daemon|abuse|hostmaster|support)@", re.IGNORECASE)


def _named(said: str) -> Iterator[Named]:
    """The recipients, by the surest place in which there are any."""
    lines = said.split("\n")[:LINES_MOST]
    for pattern in _NAMED:
        hits = ((number, pattern.search(line[:998])) for number, line in enumerate(lines))
        found = [(number, canonical(hit[1])) for number, hit in hits if hit and not _SERVERS.match(hit[1])]
        where = {address: number for number, address in reversed(found) if address}
        if where:
            yield from (Named(address, _diagnostic(lines, where[address])) for address in reversed(where))
            return


_REPLY = re.compile(r"(?<![\d.])[45]\d\d[ -]|(?<![\d.])[45]\.\d{1,3}\.\d{1,3}(?![\d.])")


def _diagnostic(lines: list[str], number: int) -> str:
    """The words behind the recipient up to the next blank line; if no server's reply is among them, one near by."""
    behind = re.sub(rf"^\W*(?:{_LABEL})?{_ADDRESS}[>\s:.,]*", "", lines[number].strip(), flags=re.IGNORECASE)
    near = [line.strip() for line in lines[number + 1 : number + 1 + DIAGNOSTIC_LINES]]
    told = " ".join((behind, *takewhile(bool, near))).strip()
    if _REPLY.search(told):
        return told
    others = [line for line in near if line]
    return next(filter(_REPLY.search, others), told or (others or [""])[0])


# ---------------------------------------------------------------- how it begins

_LEAD = re.compile(
    r"(?:[\W_\d]++|\b(?:dear|hi|hello|hey|sorry|attention|warning|error|note|notice|message|mail|user|sender|customer|sir"
    r"|madam|there|bonjour|hallo|guten|tag|hola|from|the|this|is|an?|automatic(?:ally)?|generated|postmaster|mailer"
    r"|daemon|subject|date|re)\b)*+"
)
_FINAL = re.compile(r"permanent|giving up|gave up|given up|will not be (?:retried|tried)|has been returned|fatal")

_MAIL = r"(?:your|the|this|an?|following) (?:e-?mail |mail )?(?:message|mail|e-?mail|letter)\b"
_RECIPIENTS = r"(?:the )?(?:following|these) (?:e?mail )?(?:recipient|address|user|destination)"
# `…` stands for whatever comes between, within the sentence.
_FAILED = (
    # the programs' own first words: Postfix, Exim, qmail and its relatives, sendmail, Sun, Notes, Exchange, Gmail …
    r"this is the (?:e?-?mail|postfix|mail delivery|delivery|deliver|smtp|email)[\w -]{0,40} at \S",
    r"this message was created automatically by (?:the )?(?:mail|smtp)",
    r"hi\. (?:this is|the mta)", r"this is the \S+ program", r"we're sorry\. there's a problem",
    r"i'm (?:sorry to have to inform you|afraid i wasn't able)",
    r"(?:the|your) original message was received at", r"-----? ?the following addresses had",
    r"-----? ?transcript of session", r"this report relates to a message you sent",
    _MAIL + r"…(?:could not|cannot|can ?not|couldn't|can't|was not|wasn't|has not been|were not|did not|didn't|is not"
    + r"|not be)…(?:deliver|reach|sent|accept|process|relay|receive)",
    _MAIL + r"…(?:was|has been|is|were) (?:automatically |being )?(?:undeliver|reject|return|refus|bounced|blocked)",
    r"(?:unable|failed|not able|impossible) to (?:deliver|send|relay|reach)",
    _RECIPIENTS + r"…(?:could not|cannot|fail|unable|undeliver|not deliver|had |was |were |errors?|rejected|unknown)",
    r"deliver[y]?(?: attempt)? (?:to|of|for)…(?:fail|abort|not possible|delay|impossible)",
    r"delivery (?:has |is )?(?:fail|incomplete|impossible|problem|error)", r"delivery status notification",
    r"non[- ]?delivery", r"undeliver(?:able|ed)(?: mail| message| to)", r"returned mail",
    r"did(?: not|n't) reach the following", r"message could not be delivered", r"could not deliver",
    r"(?:error|problem)s? (?:occurred )?(?:while |when |in )?(?:trying to )?(?:deliver|send|process)",
    r"(?:user unknown|unknown user|no such user|invalid recipient|mailbox (?:is )?full|over quota|mailbox exceeds)",
    r"delivery to the following recipient", r"addresses? follow", r"failed (?:addresses|recipients?)",
    # other languages
    r"(?:message|courriel|courrier|mail)\b…n['’](?:a pas (?:pu|été)|est pas (?:parvenu|arrivé))",
    r"(?:échec|erreur)s? (?:de |lors de |d['’])?(?:la |l['’])?(?:remise|distribution|livraison|envoi)",
    r"impossible de (?:remettre|délivrer|livrer|distribuer)", r"non[- ]remis",
    r"(?:nachricht|e-?mail|mail)\b…(?:konnte|kann|wurde)…nicht…(?:zu(?:ge)?stell|ausgeliefert|übermittelt|gesendet)",
    r"nicht weitergeleitet", r"unzustellbar", r"fehler bei der (?:nachrichten)?zustellung",
    # Exchange, in translation
    r"ihre nachricht hat (?:einige|alle)…nicht erreicht", r"uw bericht heeft (?:enkele|alle)…niet bereikt",
    r"mensaje no ha llegado a algun", r"messaggio non ha raggiunto alcuni", r"mensagem não chegou a algun",
    r"meddelandet nådde inte vissa", r"meddelelsen nåede ikke…nogle", r"wiadomość nie dotarła do niektórych",
    r"recapito non riuscito", r"bezorging…(?:mislukt|niet gelukt)", r"lever(?:ans|ing)…(?:misslyckades|mislykkedes)",
    r"toimitus…epäonnistui", r"doručení…se nezdařilo", r"kézbesítés…nem sikerült", r"livrarea nu a reușit",
    r"παράδοση…απέτυχε",
    r"(?:mensaje|correo)\b…no (?:se )?(?:ha podido|pudo|puede|fue|ha sido)…entreg",
    r"no se (?:pudo|ha podido|puede) entregar", r"error (?:en|de) (?:la )?entrega",
    r"(?:messaggio|mail|posta)\b…non (?:è|e'|ha|può|puo')…(?:recapit|consegn|inoltr)",
    r"impossibile (?:recapitare|consegnare)",
    r"(?:mensagem|e-?mail)\b…não (?:pôde|pode|foi)…entreg", r"falha (?:na|de) entrega",
    r"(?:bericht|mail)\b…(?:kon|kan|is|werd)…niet…(?:bezorg|aflever|verstuur|geleverd)",
    r"onbestelbaar", r"(?:meddeland|meddelels|besked|melding|mail|brev)\w*\b…(?:kunde inte|kunne ikke)",
    r"viesti…ei (?:voitu|pystytty|ole)…(?:toimit|lähet)",
    r"(?:wiadomoś|list|poczt)\w*\b…nie (?:mog|móg|zosta|może)", r"nie (?:można|udało się) dostarczyć",
    r"zpráv\w*…(?:nebyla?|nelze|nemohla?|se nepodařilo)…doru",
    r"(?:üzenet|levél)\w*…nem (?:sikerült|kézbesíthető|lehet)",
    r"mesajul…nu (?:a putut|poate|a fost)", r"(?:ileti|mesaj|posta)\w*…(?:iletilem|teslim edilem)",
    r"(?:сообщени|письм)\w*…не (?:было|может|могло|удалось|доставлен)", r"не удалось доставить",
    r"невозможно(?:сти)? достав", r"το μήνυμ…δεν (?:παραδόθηκε|μπόρεσε|ήταν)",
    r"(?:配信|送信|配送|お届け)[^。]{0,60}(?:できません|できなかった|失敗|不能)",
    r"宛先[^。]{0,30}(?:見つかりません|不明|存在)",
    r"退信|无法(?:投递|送达|发送)|無法(?:投遞|送達|傳送|傳遞)|被退回|投递失败|发送失败",
    r"반송|(?:전송|배달|발송)…(?:못|실패)",
)  # fmt: skip
_DELIVERED = re.compile(
    r"(?:was|has been|were|have been) (?:successfully )?(?:delivered|relayed) to (?:the following|these)"
    r"|delivery to these recipients or groups is complete"
)
_DELAYED = (
    r"not yet been delivered", r"(?:could|has|have) not (?:yet )?(?:be|been) delivered (?:yet|so far|within|for)",
    r"deliver…(?:has been|is|was|been) delayed", r"this is a warning (?:message )?only",
    r"you do not need to (?:resend|take any action)", r"no action is required on your part",
    r"(?:will|to) (?:be )?(?:retr(?:y|ied)|keep trying|continue to (?:be made|try))", r"still (?:being )?retr",
    r"advisory-only", r"delayed \d+ (?:hours|minutes|days)", r"could not send message for past",
    r"(?:message|mail|delivery)…(?:delayed|postponed|deferred)",
    r"(?:remise|livraison|distribution)…retardée", r"zustellung…verzögert",
)  # fmt: skip


@cache
def _failed() -> re.Pattern[str]:
    return _any_of(_FAILED)


@cache
def _delayed() -> re.Pattern[str]:
    return _any_of(_DELAYED)


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(patterns).replace("…", r"(?:[^.]|\.(?=\S)){0,200}?"))
