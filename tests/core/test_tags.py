"""The tag grammar of network.md §3: round trips, French, prefixes, encodings, what is told, and hostile text."""

import base64
import re
import unicodedata
from datetime import timedelta
from email.header import Header
from random import Random
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailbot.core.tags import (
    ALL,
    GRAMMAR,
    LEADING_MOST,
    OPTIONS,
    RAW_LOOKED_AT,
    RESERVED,
    SUBJECT_LOOKED_AT,
    Option,
    Options,
    Parsed,
    Part,
    Reach,
    Tag,
    Urgency,
    Word,
    decode_subject,
    leading_tags,
    new_token,
    parse,
    read_duration,
    read_party,
    read_reference,
    read_token,
    write,
    write_duration,
    write_reference,
)

FINGERPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"
REQUEST = Tag(Word.REQUEST, targets=("DE", "IT"))
REQUEST_42 = Tag(Word.REQUEST, reference="2026-0042")

thoroughly = settings(max_examples=200, deadline=None, derandomize=True)

# ---------------------------------------------------------------- every tag that the table allows

parties = st.from_regex(r"[A-Z][A-Z0-9]{1,7}", fullmatch=True).filter(lambda code: code not in RESERVED)
references = st.builds(write_reference, st.integers(1, 9999), st.integers(1, 999_999_999))
tokens = st.builds(new_token, st.binary(min_size=8, max_size=32))
durations = st.integers(1, 366 * 1440).map(lambda minutes: timedelta(minutes=minutes))
held_numbers = st.integers(1, 999_999_999).map(lambda number: f"H-{number}")
days = st.dates().map(lambda day: day.isoformat())
periods = st.tuples(days, days).map(lambda pair: "..".join(sorted(pair)))
fingerprints = st.from_regex(r"[0-9A-F]{40}|[0-9A-F]{64}", fullmatch=True)
arguments = {
    Word.STATUS: st.just("PING"),
    Word.SHARE: st.just("PING"),
    Word.REPORT: periods,
    Word.KEY: fingerprints,
    Word.RELEASE: held_numbers,
    Word.DROP: held_numbers,
}
targets = {
    Reach.ONE: st.tuples(parties),
    Reach.SEVERAL: st.lists(parties, min_size=1, max_size=40, unique=True).map(tuple),
    Reach.ALL: st.just((ALL,)) | st.lists(parties, min_size=1, max_size=40, unique=True).map(tuple),
}
option_values: dict[Option, st.SearchStrategy[object]] = {
    Option.URGENCY: st.sampled_from([None, *Urgency]),
    Option.DEADLINE: st.none() | durations,
    Option.LANGUAGE: st.sampled_from([None, "en", "fr"]),
    Option.BLIND: st.booleans(),
    Option.SHARE: st.booleans(),
    Option.REASON: st.sampled_from([None, "compromised"]),
}


@st.composite
def tags(draw: st.DrawFn) -> Tag:
    word = draw(st.sampled_from(Word))
    syntax = GRAMMAR[word]
    form = draw(st.sampled_from(syntax.forms))
    return Tag(
        word,
        reference=draw(references) if Part.REFERENCE in form else None,
        token=draw(tokens) if Part.TOKEN in form else None,
        origin=draw(parties) if Part.ORIGIN in form else None,
        targets=draw(targets[syntax.reach]) if Part.TARGETS in form else (),
        arguments=(draw(arguments[word]),) if Part.ARGUMENT in form else (),
        options=draw(st.builds(Options, **{name.value: option_values[name] for name in sorted(syntax.options)})),
    )


@thoroughly
@given(tags())
def test_what_is_written_is_read_again(tag: Tag) -> None:
    assert parse(write(tag)) == Parsed(tag)


@thoroughly
@given(tags())
def test_what_is_written_is_one_line_of_ascii(tag: Tag) -> None:
    assert re.fullmatch(r"\[[A-Z0-9a-z#>,.= -]+\]", write(tag))


# ---------------------------------------------------------------- the same tag, as the world makes it look

PREFIXES = [
    "Re:", "AW:", "RE[2]:", "Antw:", "SV:", "VS:", "TR:", "RIF:", "RV:", "Odp:", "Vá:", "YNT:", "ΑΠ:", "ΠΡΘ:", "Отв:",
    "НА:", "Пер:", "Răsp:", "Fwd:", "FW:", "WG:", "İlt:", "REF:", "Re^2:", "Re(3):", "SV[4]:", "RE：", "回复：", "PD:",
    "VL:", "ENC:", "RES:", "Doorst:", "Atb:", "Σχετ:", "I:", "R:", "Ang:", "Továbbítás:", "Edasi:",
]  # fmt: skip
FOREIGN = [
    "[EXTERNAL]", "[SPAM?]", "[SPAM 7.3]", "[list-name]", "[OSCE-1234]", "[#12345]", "[Ticket#2026-0042]", "[EXT]",
    "[Info-List]", "[help-desk]", "[Status: open]", "[]", "[ ]", "[2]", "［外部］", "[REQUESTED DE]", "[PINGS ALL]",
    "***SPAM***", "(was: x)", "[Keynote]", "[REQ#2026-0042]", "[request-tracker #77]", "]", "[Info]", "[Réponse]",
]  # fmt: skip
SPACES = [" ", "  ", "\t", "\xa0", "\u202f", "\u2003", "\u3000", "\u2009 "]
INVISIBLE = ["\u200b", "\u200d", "\u2060", "\ufeff", "\xad", "\u200e", "\u202e", "\u2069", "\ufe0f", "\u034f", "\x00"]


def disguise(text: str, chance: Random) -> str:
    """A written tag in any case, spacing, width and dress that must not matter."""
    return "".join(_disguise_letter(letter, chance) for letter in text)


def _disguise_letter(letter: str, chance: Random) -> str:
    dressed = chance.choice([letter, letter.lower(), letter.upper()])
    if letter == "-":
        dressed = chance.choice("-‐‑–—−")
    elif letter == ",":
        dressed = chance.choice(",;，")
    if dressed.isascii() and dressed != " " and chance.random() < 0.1:
        dressed = chr(ord(dressed) + 0xFEE0)
    if letter in "#,>=-" and chance.random() < 0.4:
        dressed = chance.choice(SPACES) + dressed + chance.choice(SPACES)
    if letter == " ":
        dressed = chance.choice(SPACES)
    return dressed + (chance.choice(INVISIBLE) if letter not in "[]" and chance.random() < 0.1 else "")


chances = st.randoms(use_true_random=False)
free_texts = st.text(st.characters(categories=["L", "N", "Po", "Sc"], codec="utf-8"), max_size=40).filter(
    lambda text: not set(text) & set("[]［］") and text == text.translate({0x3164: " ", 0x115F: " ", 0x1160: " "})
)
surroundings = st.lists(st.sampled_from(PREFIXES + FOREIGN), max_size=6).map(" ".join)


@thoroughly
@given(tags(), chances, surroundings, surroundings, free_texts)
def test_a_disguised_tag_is_found_among_prefixes_and_foreign_brackets(
    tag: Tag, chance: Random, before: str, after: str, text: str
) -> None:
    said = parse(f"{before} {disguise(write(tag), chance)} {after} {text}")
    assert said.problem is None
    assert said.tag == tag
    assert said.rest == f"{after} {text}".replace("\uffa0", " ").strip()


def encoded_word(octets: bytes, charset: str, chance: Random) -> str:
    if chance.random() < 0.5:
        return f"=?{charset}?{chance.choice('bB')}?{base64.b64encode(octets).decode()}?="
    quoted = "".join(chr(octet) if chr(octet).isalnum() and octet < 128 else f"={octet:02X}" for octet in octets)
    return f"=?{charset.upper()}?{chance.choice('qQ')}?{quoted.replace('=20', '_')}?="


def encode_by_hand(text: str, charset: str, chance: Random) -> str:
    """Encoded words split anywhere, inside characters too, Q and B mixed, folded or run together."""
    octets, words = text.encode(charset), []
    while octets:
        size = chance.randint(1, 24)
        words.append(
            encoded_word(octets[:size], charset, chance) + chance.choice([" ", "\r\n ", "\n\t", " \r\n  ", ""])
        )
        octets = octets[size:]
    return "".join(words)


@thoroughly
@given(tags(), chances, free_texts, st.sampled_from(["utf-8", "gb18030", "utf-16", "utf-7"]))
def test_encoded_words_split_inside_a_character_come_out_whole(
    tag: Tag, chance: Random, text: str, charset: str
) -> None:
    said = parse(decode_subject(encode_by_hand(f"Vá: ΑΠ: {write(tag)} {text}|", charset, chance)))
    assert said.tag == tag
    assert said.rest == f"{text}|".replace("\uffa0", " ").strip()


@thoroughly
@given(tags(), free_texts, st.integers(30, 100))
@example(REQUEST, "Ж" * 40, 30)
def test_what_pythons_own_mail_library_encodes_and_folds_is_read(tag: Tag, text: str, width: int) -> None:
    raw = Header(f"Re: {write(tag)} Ωé {text}", "utf-8", maxlinelen=width).encode(linesep="\r\n")
    assert parse(decode_subject(raw.encode("ascii"))).tag == tag


@thoroughly
@given(tags(), chances)
def test_a_tag_folded_at_its_spaces_is_read(tag: Tag, chance: Random) -> None:
    raw = re.sub(" ", lambda _: chance.choice([" ", "\r\n ", "\r\n\t", "\n "]), f"Re: {write(tag)} text")
    assert parse(decode_subject(raw.encode())).tag == tag


@pytest.mark.parametrize("prefix", [*PREFIXES, *FOREIGN, " ".join(PREFIXES), "  ", ":", "Re: Re: [x] Re:"])
def test_no_prefix_hides_a_tag(prefix: str) -> None:
    assert parse(f"{prefix}[REQUEST DE,IT] Traveller") == Parsed(REQUEST, "Traveller")
    assert parse(f"{prefix} [REQUEST#2026-0042] {prefix} x").tag == REQUEST_42


# ---------------------------------------------------------------- what the words mean


@pytest.mark.parametrize("word", Word)
def test_examples_mean_the_same_in_both_languages(word: Word) -> None:
    syntax = GRAMMAR[word]
    english, french = parse(syntax.example.en), parse(syntax.example.fr)
    assert english.tag == french.tag
    assert english.tag
    assert english.tag.word is word
    assert syntax.names.en == word
    assert all((syntax.meaning.en, syntax.meaning.fr))


def test_the_table_has_a_row_for_every_word_and_no_name_twice() -> None:
    assert set(GRAMMAR) == set(Word)
    names = [set(syntax.names) for syntax in GRAMMAR.values()]
    assert len(set().union(*names)) == sum(len(pair) for pair in names)


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("[REQUEST DE,IT urgent]", Tag(Word.REQUEST, targets=("DE", "IT"), options=Options(Urgency.URGENT))),
        ("[INFO ALL]", Tag(Word.INFO, targets=(ALL,))),
        ("[REQUEST#2026-0042 FR>DE,IT]", Tag(Word.REQUEST, "2026-0042", origin="FR", targets=("DE", "IT"))),
        ("[INFO#2026-0043 FR>ALL]", Tag(Word.INFO, "2026-0043", origin="FR", targets=(ALL,))),
        ("[PING#7K3Q-9F2M-XR4T]", Tag(Word.PING, token="7K3Q-9F2M-XR4T")),
        ("[ACK#2026-0042]", Tag(Word.ACK, "2026-0042")),
        ("[ACK 2026-0042]", Tag(Word.ACK, "2026-0042")),
        ("[CLOSE#2026-0042]", Tag(Word.CLOSE, "2026-0042")),
        ("[REPLY#2026-0042 blind]", Tag(Word.REPLY, "2026-0042", options=Options(blind=True))),
        (
            "[ACK#2026-0042 FR>DE,IT urgent deadline=4h]",  # an officer edited REQUEST into ACK
            Tag(Word.ACK, "2026-0042", None, "FR", ("DE", "IT"), (), Options(Urgency.URGENT, timedelta(hours=4))),
        ),
        ("[PING ALL urgent lang=fr]", Tag(Word.PING, targets=(ALL,), options=Options(Urgency.URGENT, language="fr"))),
        (
            "[PING FR,DE deadline=2h]",
            Tag(Word.PING, targets=("FR", "DE"), options=Options(deadline=timedelta(hours=2))),
        ),
        ("[PING ALL share]", Tag(Word.PING, targets=(ALL,), options=Options(share=True))),
        ("[CONFIRM#7K3Q-9F2M-XR4T]", Tag(Word.CONFIRM, token="7K3Q-9F2M-XR4T")),
        ("[CONFIRM]", Tag(Word.CONFIRM)),  # the outer subject shows no one-time word
        ("[KEY]", Tag(Word.KEY)),
        ("[KEY reason=compromised]", Tag(Word.KEY, options=Options(reason="compromised"))),
        (
            "[KEY FR 0123 4567 89ab cdef 0123  4567 89AB CDEF 0123 4567 reason=compromised]",
            Tag(Word.KEY, targets=("FR",), arguments=(FINGERPRINT,), options=Options(reason="compromised")),
        ),
        ("[STATUS]", Tag(Word.STATUS)),
        ("[STATUS PING]", Tag(Word.STATUS, arguments=("PING",))),
        ("[STATUS 2026-0042]", Tag(Word.STATUS, "2026-0042")),
        ("[STATUS#2026-0042]", Tag(Word.STATUS, "2026-0042")),
        (
            "[REPORT 2026-01-01..2026-06-30 lang=fr]",
            Tag(Word.REPORT, arguments=("2026-01-01..2026-06-30",), options=Options(language="fr")),
        ),
        ("[REPORT 2026-01-01 … 2026-06-30]", Tag(Word.REPORT, arguments=("2026-01-01..2026-06-30",))),
        ("[RELEASE H-12]", Tag(Word.RELEASE, arguments=("H-12",))),
        ("[DROP h012]", Tag(Word.DROP, arguments=("H-12",))),
        ("[RESEND 2026-0042 DE]", Tag(Word.RESEND, "2026-0042", targets=("DE",))),
        ("[SUSPEND FR]", Tag(Word.SUSPEND, targets=("FR",))),
        ("[SHARE PING]", Tag(Word.SHARE, arguments=("PING",))),
        ("[REQUEST, DE; IT]", REQUEST),
        (
            "[PING FR, DE deadline = 2 h share]",
            Tag(Word.PING, targets=("FR", "DE"), options=Options(deadline=timedelta(hours=2), share=True)),
        ),
        ("[REQUEST urgent, DE]", Tag(Word.REQUEST, targets=("DE",), options=Options(Urgency.URGENT))),
        ("[REQUEST DE,DE,IT]", REQUEST),  # each party once
        ("[REQUEST DE,IT,]", REQUEST),
        ("[PING # 7k3q 9f2m xr4t lang=en]", Tag(Word.PING, token="7K3Q-9F2M-XR4T", options=Options(language="en"))),
        ("[PING#7K3Q9F2MXR4T]", Tag(Word.PING, token="7K3Q-9F2M-XR4T")),
        ("[REQUEST UK]", Tag(Word.REQUEST, targets=("UK",))),  # aliases are the directory's affair
        ("[REQUEST SEC]", Tag(Word.REQUEST, targets=("SEC",))),
        ("[[REQUEST DE,IT]]", REQUEST),
    ],
)
def test_meaning(written: str, tag: Tag) -> None:
    assert parse(written).tag == tag


@pytest.mark.parametrize(
    ("french", "english"),
    [
        ("[DEMANDE DE,IT urgent]", "[REQUEST DE,IT urgent]"),
        ("[INFO TOUS]", "[INFO ALL]"),
        ("[RÉPONSE#2026-0042]", "[REPLY#2026-0042]"),
        ("[ACCUSÉ#2026-0042]", "[ACK#2026-0042]"),
        ("[CLÔTURE#2026-0042]", "[CLOSE#2026-0042]"),
        ("[PING TOUS délai=2j langue=fr partager]", "[PING ALL deadline=2d lang=fr share]"),
        ("[CONFIRMER#7K3Q-9F2M-XR4T]", "[CONFIRM#7K3Q-9F2M-XR4T]"),
        ("[AIDE]", "[HELP]"),
        ("[ÉTAT PING]", "[STATUS PING]"),
        ("[BILAN]", "[DIGEST]"),
        ("[RAPPORT 2026-01-01..2026-06-30]", "[REPORT 2026-01-01..2026-06-30]"),
        ("[MEMBRES]", "[PARTIES]"),
        (f"[CLÉ FR {FINGERPRINT} motif=compromis]", f"[KEY FR {FINGERPRINT} reason=compromised]"),
        ("[SUSPENDRE FR]", "[SUSPEND FR]"),
        ("[RÉTABLIR FR]", "[RESUME FR]"),
        ("[RETENUS]", "[HELD]"),
        ("[LIBÉRER H-12]", "[RELEASE H-12]"),
        ("[SUPPRIMER H-12]", "[DROP H-12]"),
        ("[RENVOYER 2026-0042 DE]", "[RESEND 2026-0042 DE]"),
        ("[PARTAGER PING]", "[SHARE PING]"),
        ("[DEMANDE DE aveugle]", "[REQUEST DE blind]"),
    ],
)
def test_french_is_equal_with_and_without_accents(french: str, english: str) -> None:
    tag = parse(english).tag
    decomposed = unicodedata.normalize("NFD", french)
    bare = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    assert tag
    for written in (french, decomposed, bare):
        assert parse(written).tag == parse(written.lower()).tag == parse(written.upper()).tag == tag


def test_a_ping_with_a_token_is_an_answer_and_every_other_a_command() -> None:
    assert not Tag(Word.PING, token="7K3Q-9F2M-XR4T").is_command
    assert Tag(Word.PING, targets=(ALL,)).is_command
    assert [word for word in Word if not GRAMMAR[word].command] == [
        "REQUEST",
        "INFO",
        "REPLY",
        "ACK",
        "CLOSE",
        "CONFIRM",
    ]


# ---------------------------------------------------------------- what cannot be read


@pytest.mark.parametrize(
    ("written", "english", "french"),
    [
        ("[REQUEST]", "whom it is for", "à qui"),
        ("[REQUEST DE urgnet]", "“urgnet” was not understood", "« urgnet » n'a pas été compris"),
        ("[REQUEST DE IT]", "“IT” was not understood (expected: parties with commas", "virgules"),
        ("[REQUEST DE speed=9]", "urgent, routine, deadline=4h, lang=fr, blind", "délai=4h, langue=fr"),
        ("[REQUEST DE share]", "“share” was not understood", "« share »"),
        ("[REQUEST DE deadline]", "write deadline=4h", "écrivez délai=4h"),
        ("[REQUEST DE deadline=0h]", "write deadline=4h", "délai=4h"),
        ("[REQUEST DE deadline=9999d]", "write deadline=4h", "délai=4h"),
        ("[REQUEST DE deadline=4]", "write deadline=4h", "délai=4h"),
        ("[REQUEST DE urgent=1]", "“urgent=1” cannot be read", "illisible"),
        ("[REQUEST DE lang=de]", "write lang=fr", "langue=fr"),
        ("[REQUEST DE urgent routine]", "“routine” contradicts", "contredit"),
        ("[REQUEST DE lang=en lang=fr]", "“lang=fr” contradicts", "contredit"),
        ("[REQUEST D]", "“D” is no party code", "code de membre"),
        ("[REQUEST DÉ]", "“DÉ” is no party code", "code de membre"),
        ("[REQUEST ВЕ]", "is no party code", "code de membre"),  # Cyrillic letters that look like BE
        ("[REQUEST GERMANYGERMANY]", "is no party code", "code de membre"),
        ("[REQUEST HELP]", "“HELP” is no party code", "code de membre"),
        ("[REQUEST DE,LANGUE]", "“LANGUE” cannot be read", "illisible"),
        ("[REQUEST ALL>DE]", "“ALL” is no party code", "code de membre"),
        ("[REQUEST >DE]", "is no party code", "code de membre"),
        ("[REQUEST FR>]", "is no party code", "code de membre"),
        ("[REQUEST FR>DE>IT]", "“FR>DE” is no party code", "code de membre"),
        ("[INFO ALL,SEC]", "ALL stands alone", "TOUS reste seul"),
        ("[REQUEST#42 DE]", "“#42” is not a reference, such as 2026-0042", "référence, comme 2026-0042"),
        ("[REQUEST#2026-0000]", "is not a reference", "référence"),
        ("[REQUEST#7K3Q-9F2M-XR4T]", "is not a reference", "référence"),
        ("[REQUEST#]", "is not a reference", "référence"),
        ("[REPLY DE]", "a reference", "une référence"),
        ("[REPLY]", "this is missing: a reference", "il manque : une référence"),
        ("[ACK#2026-0042 2026-0043]", "“2026-0043” is no party code", "code de membre"),
        ("[PING]", "whom it is for", "à qui"),
        ("[PING#2026-0042]", "is not a token", "jeton"),
        ("[PING#7K3Q-9F2M-XR4U]", "is not a token", "jeton"),  # Crockford's alphabet has no U
        ("[PING#7K3Q-9F2M-XR4T FR]", "does not belong here", "n'a pas sa place"),
        ("[HELP#3]", "“#3” is not expected here", "n'est pas attendu"),
        ("[HELP me]", "“me” was not understood", "« me »"),
        ("[STATUS DE]", "PING or a reference", "PING ou une référence"),
        ("[KEY FR]", "the full fingerprint", "l'empreinte complète"),
        ("[KEY FR 89AB CDEF]", "the full fingerprint", "l'empreinte complète"),
        ("[SUSPEND]", "whom it is for", "à qui"),
        ("[SUSPEND ALL]", "it is not for ALL", "TOUS"),
        ("[SUSPEND FR,DE]", "one party at a time", "un seul membre"),
        ("[RESEND 2026-0042]", "whom it is for", "à qui"),
        ("[RESEND 2026-0042 ALL]", "it is not for ALL", "TOUS"),
        ("[RESEND DE]", "a reference", "une référence"),
        ("[RELEASE]", "H-12", "H-12"),
        ("[RELEASE 12]", "H-12", "H-12"),
        ("[REPORT]", "a period", "une période"),
        ("[REPORT 2026]", "a period", "une période"),
        ("[REPORT 2026-02-30..2026-06-30]", "a period", "une période"),
        ("[REPORT 2026-06-30..2026-01-01]", "a period", "une période"),
        ("[SHARE]", "PING", "PING"),
        ("[REQUEST DE,IT", "closing bracket", "crochet fermant"),
    ],
)
def test_a_tag_that_cannot_be_read_is_explained(written: str, english: str, french: str) -> None:
    said = parse(f"Re: {written}")
    assert (said.tag, said.cut) == (None, None)
    assert said.problem
    assert said.problem_fr
    assert english in said.problem
    assert french in said.problem_fr
    word = next(word for word in Word if said.problem.startswith(word))
    assert said.problem.endswith(f"Example: {GRAMMAR[word].example.en}")
    assert said.problem_fr.endswith(f"Exemple : {GRAMMAR[word].example.fr}")


def test_an_explanation_stays_short_whatever_was_written() -> None:
    said = parse(f"[REQUEST {' '.join(['x=' + 'y' * 500] * 8)} DE]")
    assert said.problem
    assert len(said.problem) < 1000


@pytest.mark.parametrize(
    "subject", ["", "Hello", "Re: Hello", *FOREIGN[:-2], "REQUEST DE,IT", "(REQUEST DE)", "[", "]["]
)
def test_foreign_brackets_are_left_alone(subject: str) -> None:
    assert parse(subject) == Parsed(None, subject.strip())


@pytest.mark.parametrize(
    ("subject", "tag", "rest"),
    [
        ("[REQUEST DE,IT] Re: [REQUEST DE,IT] x", REQUEST, "Re: [REQUEST DE,IT] x"),  # the same twice
        ("[REQUEST DE,IT] [DEMANDE de, it]", REQUEST, "[DEMANDE de, it]"),
        (
            "[ACK#2026-0042] Re: [REQUEST#2026-0042 FR>DE] x",
            Tag(Word.ACK, "2026-0042"),
            "Re: [REQUEST#2026-0042 FR>DE] x",
        ),
        ("[REQUEST#2026-0042] x [REQUEST D", REQUEST_42, "x [REQUEST D"),  # cut in the free text
        ("[Info] Re: [REQUEST DE,IT] x", REQUEST, "x"),  # a list's label
        ("[EXTERNAL] Re: [SPAM?] [REQUEST DE,IT] [#12345] x", REQUEST, "[#12345] x"),
    ],
)
def test_of_two_tags_that_agree_the_first_decides(subject: str, tag: Tag, rest: str) -> None:
    assert parse(subject) == Parsed(tag, rest)


@pytest.mark.parametrize(
    "subject",
    [
        "[INFO IT] [REQUEST ALL] x",
        "[REQUEST DE] Re: [REQUEST DE,IT] x",
        "[REQUEST DE urgent] [REQUEST DE]",
        "[ACK#2026-0042] Re: [REQUEST#2026-0043] x",
        "[REQUEST#2026-0042] [CLOSE#2026-0042] x",
        "[STATUS#2026-0042] [REQUEST#2026-0042]",
        "[REQUEST#2026-0042] see [INFO page] x",  # INFO to a party called PAGE: nobody can know
        "[REQUEST DE urgnet] [INFO ALL]",  # the first cannot be read: the second must not decide
        "[REQUEST DE [INFO ALL]",
        "[REQUEST#2026-0042 FR>DE,I [INFO ALL]",
    ],
)
def test_two_tags_that_differ_are_a_problem(subject: str) -> None:
    said = parse(subject)
    assert (said.tag, said.cut, said.rest) == (None, None, subject)
    assert said.problem


# ---------------------------------------------------------------- cut by a mail program


@pytest.mark.parametrize(
    ("subject", "hint"),
    [
        ("Re: [REQUEST#2026-0042 FR>DE,I", REQUEST_42),
        ("Re: [REQUEST#2026-0042 urg", REQUEST_42),
        ("Re: [PING#7K3Q-9F2M-XR4T", Tag(Word.PING, token="7K3Q-9F2M-XR4T")),
        ("Re: [STATUS#2026-0042 lang=", Tag(Word.STATUS, "2026-0042")),
    ],
)
def test_of_a_cut_tag_kind_and_whole_number_are_a_hint(subject: str, hint: Tag) -> None:
    assert parse(subject) == Parsed(None, subject, cut=hint)


@pytest.mark.parametrize(
    "subject",
    [
        "[REQUEST#2026-0042",
        "[REQUEST#2026-0042 …",
        "[REQUEST#2026-004",
        "[PING#7K3Q-9F2M-XR4",
        "[REQUEST DE,I",
        "[REQ DE] [INFO",
    ],
)
def test_a_number_that_may_have_lost_digits_is_no_hint(subject: str) -> None:
    said = parse(subject)
    assert (said.tag, said.cut) == (None, None)
    assert said.problem


@thoroughly
@given(tags(), st.integers(0, 400))
def test_no_cut_ever_names_a_reader_or_another_number(tag: Tag, kept: int) -> None:
    written = write(tag)[:-1]
    said = parse(written[:kept])
    assert said.tag is None
    assert said.cut in {None, Tag(tag.word, reference=tag.reference, token=tag.token)}


# ---------------------------------------------------------------- the head of a signed body


@pytest.mark.parametrize(
    ("body", "tags_read", "rest"),
    [
        ("[REQUEST DE,IT]\nText\n", [REQUEST], "Text\n"),
        ("\r\n \r\n[REQUEST DE,IT] \r\n\r\n\r\nText\r\n[HELP]\r\n", [REQUEST], "Text\r\n[HELP]\r\n"),
        (
            "[HELP]\n\n[STATUS PING]\r\n[ KEY ]",
            [Tag(Word.HELP), Tag(Word.STATUS, arguments=("PING",)), Tag(Word.KEY)],
            "",
        ),
        ("\ufeff［ＤＥＭＡＮＤＥ　ｄｅ，ｉｔ］\xa0\nText", [REQUEST], "Text"),
        ("[REQUEST DE,\r\nIT]\r\nText", [REQUEST], "Text"),  # wrapped by the writer's mail program
        ("[REQUEST DE,IT]\n  indented", [REQUEST], "  indented"),
        ("[HELP]\r[KEY]\rText", [Tag(Word.HELP), Tag(Word.KEY)], "Text"),
        ("[REQUEST DE,IT] please help\n", [], "[REQUEST DE,IT] please help\n"),
        ("Re: [REQUEST DE,IT]\n", [], "Re: [REQUEST DE,IT]\n"),
        ("> [REQUEST DE,IT]\nText", [], "> [REQUEST DE,IT]\nText"),
        ("Text\n[REQUEST DE,IT]\n", [], "Text\n[REQUEST DE,IT]\n"),
        ("[EXTERNAL]\n[REQUEST DE,IT]\n", [], "[EXTERNAL]\n[REQUEST DE,IT]\n"),
        ("[REQUEST DE,\n\nIT]\nText", [], "[REQUEST DE,\n\nIT]\nText"),
        ("[REQUEST DE,\n> IT]\nText", [], "[REQUEST DE,\n> IT]\nText"),
        ("[REQUEST DE,IT\nText", [], "[REQUEST DE,IT\nText"),
        ("[HELP] [KEY]\n", [], "[HELP] [KEY]\n"),
        ("[HELP]\nText\n[KEY]\n", [Tag(Word.HELP)], "Text\n[KEY]\n"),
        ("", [], ""),
        ("\n\n", [], "\n\n"),
    ],
)
def test_leading_tags(body: str, tags_read: list[Tag], rest: str) -> None:
    assert leading_tags(body) == (tuple(Parsed(tag) for tag in tags_read), rest)


def test_a_leading_tag_that_cannot_be_read_is_explained_among_the_good_ones() -> None:
    found, rest = leading_tags("[HELP]\n[REQUEST DE urgnet]\n[KEY]\nText")
    assert [said.tag for said in found] == [Tag(Word.HELP), None, Tag(Word.KEY)]
    assert "urgnet" in (found[1].problem or "")
    assert rest == "Text"


@thoroughly
@given(st.lists(tags(), min_size=1, max_size=5), st.sampled_from(["\n", "\r\n", "\n\n", " \r\n\t\r\n"]))
def test_written_tags_are_leading_tags(written: list[Tag], end: str) -> None:
    found, rest = leading_tags("".join(write(tag) + end for tag in written) + "Text")
    assert [said.tag for said in found] == written
    assert rest == "Text"


def test_leading_tags_are_counted() -> None:
    found, rest = leading_tags("[HELP]\n" * (LEADING_MOST + 5))
    assert len(found) == LEADING_MOST
    assert rest == "[HELP]\n" * 5


# ---------------------------------------------------------------- numbers, codes, values


@thoroughly
@given(st.binary(min_size=8, max_size=32), chances)
def test_a_token_is_read_leniently(octets: bytes, chance: Random) -> None:
    token = new_token(octets)
    look_alike = token.replace("0", chance.choice("0Oo")).replace("1", chance.choice("1IiLl"))
    assert re.fullmatch("[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}", token)
    for written in (
        token,
        token.lower(),
        token.replace("-", ""),
        token.replace("-", " – "),
        look_alike,
        f" {token}\xa0",
    ):
        assert read_token(written) == token


def test_a_token_holds_the_first_60_bits() -> None:
    assert new_token(bytes(8)) == "0000-0000-0000"
    assert new_token(b"\xff" * 9) == "ZZZZ-ZZZZ-ZZZZ"
    assert new_token(b"\x08" + bytes(7)) == "1000-0000-0000"
    assert new_token(bytes(7) + b"\x10") == "0000-0000-0001"
    assert new_token(bytes(7) + b"\x0f") == "0000-0000-0000"


def test_a_token_from_too_little_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="60 random bits"):
        new_token(bytes(7))


@pytest.mark.parametrize(
    "text", ["", "7K3Q-9F2M-XR4", "7K3Q-9F2M-XR4TT", "7K3Q-9F2M-XR4U", "7K3Q-9F2M-XR4é", "x" * 10**6]
)
def test_what_is_no_token(text: str) -> None:
    assert read_token(text) is None


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("2026-0042", "2026-0042"),
        (" 2026 – 0042 ", "2026-0042"),
        ("２０２６－００４２", "2026-0042"),
        ("2026-00042", "2026-0042"),
        ("2026-12345", "2026-12345"),
        ("2026-042", None),
        ("2026-0000", None),
        ("26-0042", None),
        ("2026-0042-0001", None),
        ("٢٠٢٦-٠٠٤٢", None),
        ("2026-" + "9" * 10, None),
        ("", None),
    ],
)
def test_references(text: str, reference: str | None) -> None:
    assert read_reference(text) == reference


@pytest.mark.parametrize(("year", "number"), [(2026, 0), (2026, -1), (2026, 10**9), (20260, 1), (-26, 1)])
def test_a_reference_that_could_not_be_read_is_not_written(year: int, number: int) -> None:
    with pytest.raises(ValueError, match="a reference is"):
        write_reference(year, number)


@pytest.mark.parametrize(
    ("text", "minutes", "shortest"),
    [
        ("30m", 30, "30m"),
        ("30 min", 30, "30m"),
        ("60m", 60, "1h"),
        ("90m", 90, "90m"),
        ("4H", 240, "4h"),
        ("1440m", 1440, "1d"),
        ("36h", 2160, "36h"),
        ("2j", 2880, "2d"),
        ("366d", 366 * 1440, "366d"),
    ],
)
def test_durations(text: str, minutes: int, shortest: str) -> None:
    duration = timedelta(minutes=minutes)
    assert read_duration(text) == duration
    assert write_duration(duration) == shortest


@pytest.mark.parametrize("text", ["", "0h", "-4h", "4", "h", "4.5h", "367d", "9999999m", "4w", "٤h"])
def test_what_is_no_duration(text: str) -> None:
    assert read_duration(text) is None


@pytest.mark.parametrize(
    ("text", "code"), [("de", "DE"), ("EU", "EU"), ("A1", "A1"), ("ABCDEFGH", "ABCDEFGH"), ("ＤＥ", "DE")]
)
def test_party_codes(text: str, code: str) -> None:
    assert read_party(text) == code


@pytest.mark.parametrize(
    "text", ["", "D", "1A", "ABCDEFGHI", "D-E", "D E", "DÉ", "ß", "ıt", "all", "Tous", "ping", "etat", "lang"]
)
def test_what_is_no_party_code(text: str) -> None:
    assert read_party(text) is None


def test_every_keyword_is_reserved() -> None:
    names = [*Word, ALL, "TOUS", *(name for syntax in GRAMMAR.values() for name in syntax.names)]
    names += [name for option in OPTIONS for name in option.names]
    for name in names:
        decomposed = unicodedata.normalize("NFD", name.upper())
        assert "".join(letter for letter in decomposed if letter.isascii()) in RESERVED


@pytest.mark.parametrize(
    "tag",
    [
        Tag(Word.REQUEST),
        Tag(Word.REPLY, targets=("DE",)),
        Tag(Word.REQUEST, targets=("de",)),
        Tag(Word.REQUEST, targets=("DE", "DE")),
        Tag(Word.REQUEST, targets=("DE] [INFO ALL",)),
        Tag(Word.REQUEST, targets=("DE\r\nBcc: mallory@example.org",)),
        Tag(Word.REQUEST, targets=("DE",), arguments=("urgent",)),
        Tag(Word.REQUEST, targets=("urgent",)),
        Tag(Word.REQUEST, "2026-42", targets=("DE",)),
        Tag(Word.REQUEST, "2026-0042", "7K3Q-9F2M-XR4T"),
        Tag(Word.REQUEST, targets=("DE",), options=Options(share=True)),
        Tag(Word.REQUEST, targets=("DE",), options=Options(deadline=timedelta(seconds=90))),
        Tag(Word.REQUEST, targets=("DE",), options=Options(deadline=timedelta())),
        Tag(Word.REQUEST, targets=("DE",), options=Options(language="de")),
        Tag(Word.RELEASE, arguments=("H-12", "H-13")),
    ],
)
def test_what_the_table_does_not_allow_is_not_written(tag: Tag) -> None:
    with pytest.raises(ValueError, match=f"no {tag.word} tag"):
        write(tag)


# ---------------------------------------------------------------- raw header values


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b" folded\r\n in\r\n\ttwo places ", "folded in two places"),
        (b"=?UTF-8?Q?R=C3=89PONSE?=", "RÉPONSE"),
        (b"=?utf-8?b?UsOJ?= =?UTF-8?q?PONSE?=", "RÉPONSE"),
        (b"=?utf-8?Q?R=C3?=\r\n =?utf-8?Q?=89PONSE?=", "RÉPONSE"),  # split inside É, mail-in-the-wild 16
        (b"=?utf-8?Q?R=C3?==?utf-8?B?iVBPTlNF?=", "RÉPONSE"),
        (b"=?utf-8*fr?Q?R=C3?= =?utf-8?Q?=89?=", "RÉ"),
        (b"=?iso-8859-1?Q?R=C9?= =?utf-8?Q?PONSE?=", "RÉPONSE"),
        (b"=?iso-8859-1?Q?a?= b =?iso-8859-1?Q?c?=", "a b c"),
        (b"a=?utf-8?Q?b?=c", "abc"),  # no space round it: not allowed, and common
        (b"=?utf-8?Q?a b?=", "a b"),
        (b"=?utf-8?B?W1BJTkddCg?=", "[PING]"),  # padding lost
        (b"=?utf-8?B?W1BJ TkddCg=?=", "[PING]"),
        (b"=?x-unknown?Q?R=C3=89?=", "RÉ"),
        (b"=?unknown-8bit?Q?R=C9?=", "RÉ"),
        (b"=?utf-8?Q?R=C9PONSE?=", "RÉPONSE"),  # a lie: Latin-1
        (b"=?us-ascii?Q?R=C3=89?=", "RÉ"),
        (b"=?utf-8?Q?R=C3?=", "R\ufffd"),  # cut inside its last character
        (b"\xc3\x89tat, bient\xc3", "État, bient\ufffd"),
        (b"arr\xea", "arrê"),
        (b"=?windows-1252?Q?=93a=94?=", "“a”"),
        (b"=?iso-8859-1?Q?=93a=94?=", "“a”"),
        (b"=?gb2312?B?1tA=?=", "中"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?koi8-r?B?79TX?=", "Отв"),
        (b"=?zlib?Q?R=C3=89?=", "RÉ"),
        (b"=?punycode?Q?a-b?=", "a-b"),
        (b"=?unicode_escape?Q?=5Cu0041?=", "\\u0041"),
        (b"=?idna?Q?xn--a?=", "xn--a"),
        (b"=?undefined?Q?a?=", "a"),
        (b"=?utf-8?X?a?=", "=?utf-8?X?a?="),
        (b"=?utf-8?Q?a", "=?utf-8?Q?a"),
        (b"=?utf-8?Q??=", ""),
        (b"=?utf-8?Q?=3D=3Futf-8=3FQ=3Fa=3F=3D?=", "=?utf-8?Q?a?="),  # decoded once only
        ("[RÉPONSE]".encode(), "[RÉPONSE]"),
        ("[RÉPONSE]".encode("latin-1"), "[RÉPONSE]"),
        ("[RÉPONSE]".encode().decode("ascii", "surrogateescape"), "[RÉPONSE]"),
        ("[RÉPONSE]", "[RÉPONSE]"),
        ("a\ud800b", "a\ufffdb"),
        ("=?utf-8?Q?a=0D=0ABcc:_x=00=1B[31m?=", "a  Bcc: x[31m"),
        ("a\xa0b\u202ec\u2066d\u2028e", "a bcd e"),
        (b"=?utf-7?Q?+2AA-?=", "\ufffd"),  # a lone surrogate
    ],
)
def test_decoding(raw: bytes | str, text: str) -> None:
    assert decode_subject(raw) == text


@thoroughly
@given(st.binary(max_size=200) | st.text(st.characters(), max_size=200))
def test_decoding_never_fails_and_gives_one_clean_line(raw: bytes | str) -> None:
    text = decode_subject(raw)
    assert text.encode() == text.encode("utf-8", "replace")
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert decode_subject(text.replace("=?", "")) == text.replace("=?", "").strip()


encoded_noise = st.lists(
    st.sampled_from(
        ["=?", "?=", "?Q?", "?B?", "utf-8", "utf-16", "utf-7", "hz", "=", "=C3", "=0", "_", " ", "\r\n ", "é", "A"]
    ),
    max_size=40,
).map("".join)


@thoroughly
@given(encoded_noise)
def test_broken_encoded_words_never_fail(raw: str) -> None:
    assert isinstance(decode_subject(raw), str)
    assert decode_subject(raw.encode()) == decode_subject(raw)


# ---------------------------------------------------------------- hostile text

tag_noise = st.lists(
    st.sampled_from(
        [
            *"[]［］#>,;=- .…0Aéİß\u0301\u200b\u202e\ud800",
            *Word,
            *sorted(RESERVED),
            "2026-0042",
            "7K3Q-9F2M-XR4T",
            "DE",
            "H-12",
            "4h",
            "{}",
            "%s",
        ]
    ),
    max_size=30,
).map("".join)


@settings(thoroughly, max_examples=1500)
@given(tag_noise | st.text(st.characters(), max_size=100))
def test_any_text_is_answered_with_a_value(text: str) -> None:
    said = parse(text)
    assert sum(answer is not None for answer in (said.tag, said.problem, said.cut)) <= 1
    assert (said.problem is None) == (said.problem_fr is None)
    f"{said.rest}{said.problem}".encode()
    if said.tag:
        assert parse(write(said.tag)).tag == said.tag
    found, _ = leading_tags(text)
    assert all(line.tag or line.problem for line in found)


MEGABYTE = 1_000_000
HOSTILE = {
    name: (unit * (MEGABYTE // len(unit) + 1))[:MEGABYTE]
    for name, unit in {
        "openers": "[",
        "pairs": "[]",
        "words": "[REQUEST ",
        "tags": "[HELP]",
        "tag lines": "[HELP]\n",
        "broken tags": "[REQUEST x=1 y=2]",
        "one long tag": "DE,",
        "spaces": " ",
        "blank lines": "\r\n",
        "exotic spaces": "\u3000",
        "accents": "\u0301\u0316",
        "ligatures that grow": "\ufdfa",
        "hyphens": "- ",
        "dots": ". ",
        "equals": "=",
        "encoded openers": "=?utf-8?Q?",
        "encoded openers without end": "=?x?q?=",
        "empty words": "=?utf-8?Q??=",
        "words of two charsets": "=?utf-8?Q?a?= =?utf-7?Q?a?= ",
        "unpadded": "=?utf-8?B?A?=",
        "digits": "9",
        "surrogates": "\ud800",
        "invisible": "\u200b",
    }.items()
}


@pytest.mark.parametrize("start", ["", "[REQUEST ", "[PING#", "=?utf-8?B?", "[KEY FR "])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_of_anything_takes_little_time(name: str, start: str) -> None:
    text = start + HOSTILE[name]
    began = process_time()
    parse(text)
    leading_tags(text)
    decode_subject(text)
    decode_subject(text.encode("utf-8", "surrogatepass"))
    assert [read(text) for read in (read_token, read_reference, read_party, read_duration)] == [None] * 4
    assert process_time() - began < 2


def test_a_tag_beyond_what_is_looked_at_is_not_there() -> None:
    assert parse("x" * SUBJECT_LOOKED_AT + "[HELP]") == Parsed(None, "x" * SUBJECT_LOOKED_AT)


@pytest.mark.parametrize("raw", ["x" * (RAW_LOOKED_AT + 1), b"x" * (RAW_LOOKED_AT + 1)])
def test_a_header_value_is_looked_at_up_to_a_limit(raw: bytes | str) -> None:
    assert decode_subject(raw) == "x" * RAW_LOOKED_AT


def test_a_tag_with_eight_hundred_parties_fits() -> None:
    codes = tuple(f"P{number}" for number in range(800))
    assert parse(f"Re: {write(Tag(Word.PING, targets=codes))} x").tag == Tag(Word.PING, targets=codes)
