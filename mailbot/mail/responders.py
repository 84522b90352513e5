"""Automatic replies and other machines' mail: known by header fields, and by the subjects that programs put together.

A subject alone is a person's to write. What must come with it: the mail answers another, or asks for no answer, or the
subject holds what no person would type.
"""

import re
import unicodedata

from mailbot.core.mail import MailClass
from mailbot.core.tags import parse
from mailbot.mail.sighting import Sighting


def auto_submitted(mail: Sighting) -> MailClass | None:
    """RFC 3834 §5: anything but `no`."""
    value = mail.fields.word("auto-submitted")
    return MailClass.AUTOMATIC if value and value != "no" else None


_RESPONDER = re.compile(
    r"x-(?:[a-z0-9-]{0,40}-)?(?:auto-?(?:repl(?:y|ied)|respon(?:d|ders?|se|ded)|answer|generated)|automatic-reply"
    r"|vacation|away-message|out-?of-?office)(?:-from)?"
)
_RESPONDER_FIELDS = frozenset({"x-fc-machinegenerated", "x-cron-env", "delivered-by-the-graces-of"})
_RESPONDER_VALUES = {
    "precedence": re.compile(r"auto[-_ ]?reply"),
    "preference": re.compile(r"auto[-_ ]?reply"),
    "x-precedence": re.compile(r"auto[-_ ]?reply"),
    "delivered-to": re.compile(r"autoresponder$"),
    "x-apple-action": re.compile(r"vacation"),
    "x-list-administrivia": re.compile(r"yes"),  # Mailman speaks for itself
    "x-post-messageclass": re.compile(r"9$"),  # Post.Office: `9; Autoresponder`
    "x-ms-exchange-generated-message-source": re.compile(r"mailbox rules agent|antispam quarantine agent"),
    "x-mailer": re.compile(r"(?:\S+ )?vacation\b|auto[-_ ]?(?:reply|responder)\b"),
    "user-agent": re.compile(r"(?:\S+ )?vacation\b|auto[-_ ]?(?:reply|responder)\b"),
}
_NOT_SO = {"", "no", "false", "0", "none", "off"}


def field_of_an_autoresponder(mail: Sighting) -> MailClass | None:
    """Fields that vacation programs wrote before RFC 3834, and some still do."""
    fields = mail.fields
    names = {name for name, _ in fields.pairs if _RESPONDER.fullmatch(name) or name in _RESPONDER_FIELDS}
    named = any(fields.word(name) not in _NOT_SO for name in names)
    valued = any(pattern.match(fields.word(name)) for name, pattern in _RESPONDER_VALUES.items())
    return MailClass.AUTOMATIC if named or valued else None


def sent_by_nobody(mail: Sighting) -> MailClass | None:
    """RFC 5321 §4.5.5: the empty return path is for mail that must not be answered; no client of a person uses it."""
    return MailClass.AUTOMATIC if mail.is_from_nobody else None


def folder_data_of_a_mailbox_server(mail: Sighting) -> MailClass | None:
    """Some IMAP servers keep a folder's own data in a mail at its head, as if a daemon had sent it."""
    is_data = mail.is_from_a_mailer_daemon and mail.fields.has("x-imap", "x-imapbase")
    return MailClass.AUTOMATIC if is_data else None


_LIST_PROGRAM = re.compile(r"majordomo|listserv|listproc|sympa|mailman|ecartis|ezmlm|mlmmj|smartlist")


def sent_by_a_list_program(mail: Sighting) -> MailClass | None:
    """The program that runs lists has an address of its own, for commands."""
    return MailClass.AUTOMATIC if _LIST_PROGRAM.fullmatch(mail.local_part) else None


def sent_from_an_unread_address(mail: Sighting) -> MailClass | None:
    """From an address that says itself that nobody reads it."""
    return MailClass.AUTOMATIC if mail.is_from_an_unread_address else None


# ---------------------------------------------------------------- subjects that programs put together

# What Outlook, Exchange, Notes, Gmail and others put in front of the subject that they answer, in their translations.
_AUTOMATIC_REPLY = (
    r"auto(?:matic|mated)?[- ]?(?:reply|response|answer)", r"out of (?:the )?office(?: auto ?reply| reply)?",
    r"on (?:vacation|holiday|leave)", r"away from (?:my |the )?(?:mail|office|desk)", r"vacation reply",
    r"auto-?(?:responder|respuesta|réponse|risposta)",
    r"réponse automatique(?: d['’]absence du bureau)?", r"(?:message|notification|avis|notice) d['’]absence",
    r"absen(?:ce|te?) du bureau",
    r"automatische (?:antwort|abwesenheitsnotiz|rückantwort)", r"automatikantwort", r"autoantwort",
    r"abwesenheits(?:notiz|nachricht|assistent|meldung|benachrichtigung)", r"nicht im (?:büro|haus)", r"außer haus",
    r"respuesta autom[aá]tica", r"fuera de (?:la )?oficina", r"ausencia temporal",
    r"resposta autom[aàá]tica", r"ausência temporária", r"fora do escritório",
    r"risposta automatica", r"fuori (?:sede|ufficio)",
    r"automatische? (?:antwoord|beantwoording|bericht)", r"automatisch antwoord", r"afwezigheids?(?:bericht|melding)",
    r"niet aanwezig", r"autosvar", r"automatiskt? svar", r"frånvaro(?:meddelande|avisering)",
    r"fraværs?(?:melding|besked)", r"ikke til ?stede", r"ikke på kontoret", r"automaattinen vastaus",
    r"poissaolo(?:viesti|ilmoitus)", r"poissa toimistosta", r"automaatvastus", r"kontorist väljas",
    r"odpowiedź automatyczna", r"automatyczna odpowiedź", r"autoodpowiedź", r"poza biurem",
    r"automatick[áa] odpov[eě]ď", r"mimo kancel[aá]r(?:i|ie)?", r"mimo kancelář",
    r"automatikus válasz", r"házon kívül", r"irodán kívül", r"răspuns automat", r"în afara biroului",
    r"plecat din birou", r"samodejni odgovor", r"samodejno sporočilo", r"automatski odgovor", r"izvan ureda",
    r"automātisk[āa] atbilde", r"automatinis atsakymas", r"sjálfvirkt svar", r"freagra uathoibríoch",
    r"ateb awtomatig", r"erantzun automatikoa", r"përgjigje automatike", r"tweġiba awtomatika",
    r"автоматический ответ", r"автоответ(?:чик)?", r"автоматичен отговор", r"извън офиса", r"автоматична відповідь",
    r"аутоматски одговор", r"автоматски одговор", r"вне офиса", r"нет на (?:месте|работе)",
    r"αυτόματη απάντηση", r"εκτός γραφείου", r"otomatik (?:yanıt|cevap)", r"ofis dışında", r"avtomatik cavab",
    r"ავტომატური პასუხი", r"תשובה אוטומטית", r"מענה אוטומטי", r"رد تلقائي", r"رد آلي",
    r"自动答复", r"自动回复", r"自動回覆", r"自動応答", r"自動返信", r"不在通知", r"자동 ?회신", r"자동 ?응답",
    r"ตอบกลับอัตโนมัติ", r"trả lời tự động", r"balasan otomatis",
)  # fmt: skip
# Words that programs use likewise, and persons too: an answer of a person's can begin so.
_AWAY_WORDS = (
    r"vacation|absen(?:ce|te?)|abwesen(?:d|heit)|ausen(?:te|cia)|ausência|assen(?:te|za)|afwezig(?:heid)?|frånva(?:ro|rande)"
    r"|vaca(?:ciones|nces|tions)|congés?|urlaub|ferien?|vakantie|semester|loma|dovolen[áa]|urlop|szabadság|concediu|férias"
    r"|dopust|puhkus|atostogos|atvaļinājums|prombūtne|отпуск|отсъствие|απουσία|άδεια|izin|holidays?"
    r"|fravær(?:ende)?|ooo|oof|away|poissa|nieobecn(?:y|a|ość)|nepřítomnost|távollét|odsutnost|отсутстви[ея]|부재중"
)
_GATEWAY_TAG = r"(?:\s*+[\[(][^\[\]()]{1,30}+[\])])*+\s*+"  # possessive: there is only one way to read it
_ABSENCE = re.compile(
    _GATEWAY_TAG + rf"(?:(?P<sure>{'|'.join(_AUTOMATIC_REPLY)})|{_AWAY_WORDS})\s*[:：]", re.IGNORECASE
)
_NOBODYS_WORDS = re.compile(r"out of office autoreply|réponse automatique d['’]absence du bureau", re.IGNORECASE)
_ANSWERED = re.compile(r"\s*(?:re|aw|antw|sv|tr|fwd?|r|odp|vs|отв)\s*(?:\[\d+\])?\s*:", re.IGNORECASE)


def absence_in_place_of_the_reply_prefix(mail: Sighting) -> MailClass | None:
    """A vacation program put `Automatic reply:` where a person's client puts `Re:`, and there is more to show for it:
    it answers a mail, and no mail program of a person's names itself; or what follows is the subject of another mail.
    """
    subject = unicodedata.normalize("NFC", mail.headers.subject)
    found = _ABSENCE.match(subject)
    if found is None:
        return None
    answers = bool(mail.headers.references) and bool(found["sure"]) and not mail.fields.has("user-agent", "x-mailer")
    answers = answers or bool(_NOBODYS_WORDS.fullmatch(found["sure"] or ""))
    sure = answers or mail.asks_for_no_answer or _is_anothers(subject[found.end() :], mail)
    return MailClass.AUTOMATIC if sure else None


def _is_anothers(rest: str, mail: Sighting) -> bool:
    """Whether the rest of a subject is that of the mail that was answered: it begins with `Re:`, it is a tag of ours
    with its number, or Exchange says so beside it.
    """
    tag = parse(rest).tag
    return bool(_ANSWERED.match(rest) or (tag and tag.number)) or rest.strip() == (mail.thread_topic or None)


_AWAY = re.compile(
    r"\W*(?:is (?:currently |now |temporarily )?(?:out of (?:the )?office|away|on (?:vacation|leave|holiday))"
    r"|is absent|ist (?:zur zeit |derzeit |zurzeit )?(?:außer haus|nicht im (?:büro|haus)|abwesend|im urlaub)"
    r"|est (?:actuellement )?(?:absente?|en congés?|hors du bureau)|está (?:fuera|ausente)|è (?:assente|fuori)"
    r"|non è in ufficio|is (?:niet|afwezig)|är (?:inte|borta|frånvarande)|er (?:ikke|fraværende)|on poissa"
    r"|jest nieobecn|nie ma)\b",
    re.IGNORECASE,
)


def absence_told_in_the_senders_full_name(mail: Sighting) -> MailClass | None:
    """Notes writes the sender's own full name into the subject: `Hans Maier is out of the office`."""
    subject = re.sub(r"\A\s*(?:auto|automatic reply)\s*:\s*", "", mail.headers.subject, flags=re.IGNORECASE)
    names = _full_names(mail.display_name, mail.local_part)
    said = next((name for name in names if subject.casefold().startswith(name)), None)
    return MailClass.AUTOMATIC if said and _AWAY.match(subject[len(said) :]) else None


def _full_names(display_name: str, local_part: str) -> list[str]:
    """`Maier, Hans` and `hans.maier` are `hans maier` too; a name of one word could be anybody's."""
    last, comma, first = display_name.partition(",")
    written = f"{first} {last}" if comma else display_name
    names = (display_name, written, re.sub(r"[._]", " ", local_part), display_name.partition("/")[0])
    plain = (" ".join(name.split()).casefold() for name in names)
    return [name for name in dict.fromkeys(plain) if " " in name]
