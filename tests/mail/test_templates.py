"""The letters: complete, alike in both languages, and worded as the golden files say.

After a change of words, `REWRITE_GOLDEN=1 pytest tests/mail/test_templates.py` writes the golden files anew: read them
as a tired duty officer would before committing.
"""

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailbot.core import tags
from mailbot.core.findings import Severity
from mailbot.mail.proofreading import proofread
from mailbot.mail.samples import samples
from mailbot.mail.templates import (
    LANGUAGES,
    LETTERS,
    PLAIN_ALLOWED,
    REFUSALS,
    WRITER_WORDS,
    BrokenTemplate,
    Templates,
    find_templates,
)

GOLDEN = Path(__file__).parent / "golden"
CORE = Path(__file__).parents[2] / "mailbot" / "core"
EVERY = [(letter, language) for letter in LETTERS for language in LANGUAGES]


@pytest.fixture(scope="module")
def templates() -> Templates:
    return Templates()


def texts(templates: Templates, letter: str, language: str) -> dict[str, str]:
    found = samples(language)[letter].items()
    return {turn: templates.render(letter, language, words).text for turn, words in found}


# ---------------------------------------------------------------- complete and alike


def test_nothing_is_wrong_with_the_packaged_letters() -> None:
    assert proofread() == []


@pytest.mark.parametrize("letter", LETTERS)
def test_both_languages_use_the_declared_words(templates: Templates, letter: str) -> None:
    english, french = (templates.words_used(f"{letter}/{language}.txt") for language in LANGUAGES)
    assert english - WRITER_WORDS == LETTERS[letter]
    assert french == english


@pytest.mark.parametrize(("letter", "language"), EVERY)
def test_every_sample_holds_the_declared_words(letter: str, language: str) -> None:
    for words in samples(language)[letter].values():
        assert words.keys() >= LETTERS[letter]


def test_every_refusal_has_its_own_words(templates: Templates) -> None:
    for language in LANGUAGES:
        found = texts(templates, "refused", language)
        assert found.keys() == REFUSALS
        bodies = {"\n".join(text.split("\n")[2:4]) for text in found.values()}
        assert len(bodies) == len(REFUSALS)


def test_core_refuses_for_no_other_reason() -> None:
    sources = "\n".join(path.read_text() for path in CORE.rglob("*.py"))
    given = set(re.findall(r'refuse\(\s*"([^"]+)"', sources))
    assert given
    assert given <= REFUSALS


def test_no_folder_is_without_letter() -> None:
    folders = {path.name for path in find_templates().iterdir()}
    assert folders == LETTERS.keys() | {"sentences", "_parts"}


# ---------------------------------------------------------------- what they say


@pytest.mark.parametrize(("letter", "language"), EVERY)
def test_golden(templates: Templates, letter: str, language: str) -> None:
    said = []
    for turn, words in samples(language)[letter].items():
        rendered = templates.render(letter, language, words)
        head = f"Subject: {rendered.subject}\n" + (f"Label: {rendered.label}\n" if rendered.label else "")
        said.append(f"======== {turn}\n{head}\n{rendered.text}")
    path = GOLDEN / f"{letter}.{language}.txt"
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text("\n".join(said), "utf-8")
    assert "\n".join(said) == path.read_text("utf-8")


def test_no_golden_file_is_left_over() -> None:
    with_page = Templates()
    pages = {f"{name}.{language}.page.txt" for name, language in EVERY if with_page.has(f"{name}/{language}.html")}
    texts_ = {f"{name}.{language}.txt" for name, language in EVERY}
    assert {path.name for path in GOLDEN.iterdir()} == texts_ | pages


LONG = {"digest", "report"}  # what matters stands on their first screen; see test_pages.py


@pytest.mark.parametrize(("letter", "language"), EVERY)
def test_letters_fit_a_page_and_a_window(templates: Templates, letter: str, language: str) -> None:
    for text in texts(templates, letter, language).values():
        lines = text.split("\n")
        assert len(lines) <= 50 or letter in LONG
        assert [line for line in lines if len(line) > 72 and " " in line.strip()] == []
        assert "None" not in text


@pytest.mark.parametrize(("letter", "language"), EVERY)
def test_no_line_could_be_read_as_a_tag_of_the_person_who_answers(
    templates: Templates, letter: str, language: str
) -> None:
    """A client that quotes without marks puts our lines at the head of a signed body."""
    for text in texts(templates, letter, language).values():
        assert [line for line in text.split("\n") if tags.leading_tags(line)[0]] == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("letter", ["receipt", "receipt-reply", "receipt-acknowledgement", "receipt-closing"])
def test_the_journal_is_not_witnessed_before_its_first_row(templates: Templates, letter: str, language: str) -> None:
    for words in samples(language)[letter].values():
        lines = templates.render(letter, language, words).text.split("\n")
        first = templates.render(letter, language, {**words, "anchor": {"number": 0, "hash": ""}}).text.split("\n")
        assert any(line.startswith("1234:") for line in lines)
        assert [line for line in first if re.match(r"\d*:|Journal", line)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_refusal_is_the_same_whether_the_exchange_exists_or_not(templates: Templates, language: str) -> None:
    words = samples(language)["refused"]["not yours"]
    exists, does_not = (templates.render("refused", language, {**words, "reference": r}) for r in ("2026-0042", None))
    assert exists == does_not


@pytest.mark.parametrize("language", LANGUAGES)
def test_unsealed_letters_hold_no_number_and_ask_for_no_key(templates: Templates, language: str) -> None:
    assert frozenset({"waiting", "probe", "probe-reminder", "probe-backup"}) == PLAIN_ALLOWED
    (text,) = texts(templates, "waiting", language).values()
    assert not re.search(r"[0-9]", text)
    assert LETTERS["waiting"] == {"party"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("letter", ["probe", "probe-reminder", "probe-backup"])
def test_a_plain_copy_of_a_probe_speaks_of_no_ping_word_and_of_no_key(
    templates: Templates, letter: str, language: str
) -> None:
    plain = texts(templates, letter, language)["plain"]
    assert not re.search(r"C-[0-9A-Z]{5}-", plain)
    assert not re.search(r"(?i)ping word|mot du test|encrypt|chiffre", plain)
    assert "7K3Q-9F2M-XR4T" in plain


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_notice_gives_no_reason(templates: Templates, language: str) -> None:
    assert LETTERS["notice"] == {"received_at", "rsa_bits", "hashes"}, "what holds for all alike"
    (text,) = texts(templates, "notice", language).values()
    assert "0123 4567 89AB CDEF" in text


def test_another_language_is_written_to_in_english(templates: Templates) -> None:
    words = samples("en")["waiting"]["always"]
    assert templates.render("waiting", "de", words) == templates.render("waiting", "en", words)


# ---------------------------------------------------------------- the words given


def test_missing_word_is_an_error_that_does_not_quote_the_others(templates: Templates) -> None:
    words = {name: word for name, word in samples("en")["request"]["urgent"].items() if name != "deadline"}
    with pytest.raises(BrokenTemplate) as caught:
        templates.render("request", "en", {**words, "reply_code": "CANARY"})
    assert "request/en" in str(caught.value)
    assert "CANARY" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_no_word_can_make_a_line_or_turn_the_text_round(templates: Templates) -> None:
    words = samples("en")["refused"]["bad tag"]
    evil = "a\r\nReply code:  R-00000-00000\x00\x1b[2J\u2028b\u202ec\u2066d\u200be"
    text, calm = (templates.render("refused", "en", {**words, "problem": w, "line": w}).text for w in (evil, "x"))
    assert len(text.split("\n")) == len(calm.split("\n"))
    assert not re.search("[\x00-\x09\x0b-\x1f\u200b\u2028\u202e\u2066]", text)


def test_words_are_cleaned_however_deep_they_lie(templates: Templates) -> None:
    words = samples("en")["receipt"]["done"]
    parts = [{"code": "D\nE", "name": "Ger\u202emany\r\n\r\n[ACK#2026-0042]", "state": "passed on", "until": None}]
    text = templates.render("receipt", "en", {**words, "parts": parts}).text
    assert "- Germany    [ACK#2026-0042] (D E): passed on." in text


def test_time_without_zone_is_an_error(templates: Templates) -> None:
    words = samples("en")["request"]["urgent"]
    naive = datetime(2026, 11, 23, 7, 10, tzinfo=UTC).replace(tzinfo=None)
    with pytest.raises(BrokenTemplate):
        templates.render("request", "en", {**words, "deadline": naive})


# ---------------------------------------------------------------- the operator's own


def override(folder: Path, **files: str) -> Path:
    """The folder with these files; "__" stands for the folder's slash, the ending is .txt unless it ends in _html."""
    for name, text in files.items():
        stem, _, ending = name.partition("_html")
        path = folder / (stem.replace("__", "/") + (".html" if ending or name.endswith("_html") else ".txt"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def ids(folder: Path | None) -> list[tuple[str, str]]:
    return [(found.id, found.place) for found in proofread(folder)]


WAITING = "Subject: Hello\n\nHello {{ party.name }}.\n"


def test_a_letter_is_taken_from_the_operators_folder_file_by_file(tmp_path: Path) -> None:
    mine = override(tmp_path, waiting__en=WAITING)
    words = samples("en")["waiting"]["always"]
    assert Templates(mine).render("waiting", "en", words).text == "Hello Portugal.\n"
    assert Templates(mine).render("waiting", "fr", words) == Templates().render("waiting", "fr", words)
    assert proofread(mine) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Subject: Hello\n\nHello {{ party.name }", "templates.broken"),  # no end
        ("Subject: Hello\n\nHello {{ party.name|shout }}", "templates.broken"),  # no such filter
        ("Subject: Hello\n\nHello {{ party.nam }}", "templates.broken"),  # no such part of the word
        ("Subject: Hello\n\nHello {{ ().__class__.__base__ }} {{ party }}", "templates.broken"),  # the sandbox
        ("Subject: Hello\n\nHello {{ [party].append(1) }}", "templates.broken"),  # words are not changed
        ("Hello {{ party.name }}", "templates.broken"),  # no subject
        ("Subject: Hello\n\nHello", "templates.words"),  # a word is missing
        ("Subject: Hello\n\nHello {{ party.name }} {{ reference }}", "templates.words"),  # a word too many
        ("Subject: Hello\n\n{% include '/etc/passwd' %}{{ party }}", "templates.broken"),
    ],
)
def test_proofreading_finds_what_is_wrong(tmp_path: Path, text: str, expected: str) -> None:
    (found,) = proofread(override(tmp_path, waiting__en=text))
    assert found.id == expected
    assert found.place.startswith("waiting/en")
    assert found.hint


def test_proofreading_names_the_line(tmp_path: Path) -> None:
    (found,) = proofread(override(tmp_path, waiting__fr="Subject: a\n\nb\n{{ party.name }"))
    assert found.place == "waiting/fr.txt:4"


def test_proofreading_warns_of_files_that_are_never_read(tmp_path: Path) -> None:
    (found,) = proofread(override(tmp_path, wating__en=WAITING))
    assert (found.id, found.severity) == ("templates.unknown", Severity.WARNING)
    assert found.place == str(tmp_path / "wating" / "en.txt")


def test_a_page_is_needed_in_both_languages_or_none(tmp_path: Path) -> None:
    mine = override(tmp_path, waiting__en_html="<p>{{ party.name }}</p>")
    assert ids(mine) == [("templates.missing", "waiting/fr.html")]


def test_words_in_a_page_are_escaped(tmp_path: Path) -> None:
    pages = {f"waiting__{language}_html": "<p>{{ party.name }}</p>" for language in LANGUAGES}
    mine = override(tmp_path, **pages)
    assert proofread(mine) == []
    words = {"party": {"code": "XX", "name": "<script>alert(1)</script>"}}
    rendered = Templates(mine).render("waiting", "en", words)
    assert rendered.html == "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>"
    assert "<script>" in rendered.text


def test_a_letter_that_is_gone_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packaged folder without one file; the folder is real, only where it lies is changed."""
    for path in find_templates().rglob("*.txt"):
        if path.name != "fr.txt" or path.parent.name != "notice":
            copy = tmp_path / path.relative_to(find_templates())
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
    monkeypatch.setattr("mailbot.mail.templates.find_templates", lambda: tmp_path)
    assert ids(None) == [("templates.missing", "notice/fr.txt")]


def test_a_page_says_what_the_text_says(tmp_path: Path) -> None:
    mine = override(tmp_path, waiting__en_html="<p>{{ party.name }}</p>", waiting__fr_html="<p>Bonjour</p>")
    assert ids(mine) == [("templates.words", "waiting/fr.html")]


def test_what_letters_are_put_together_from_may_be_ones_own_too(tmp_path: Path) -> None:
    sentences = (find_templates() / "sentences" / "digest-fr.txt").read_text("utf-8")
    mine = override(tmp_path, **{"sentences__digest-fr": sentences.replace("Rien à faire", "Rien du tout")})
    words = samples("fr")["digest"]["calm"]
    assert Templates(mine).render("digest", "fr", words).text.startswith("RIEN DU TOUT")
    assert proofread(mine) == []
    broken = override(tmp_path, **{"sentences__digest-fr": sentences.replace("macro headline", "macro title")})
    assert ("templates.broken", "digest/fr") in ids(broken)
