"""Pages: for every mail program, fetched from nowhere, valid, and saying what the text says."""

import os
import re
from collections.abc import Mapping
from functools import cache
from itertools import product
from pathlib import Path

import html5lib
import pytest

from mailbot.mail.samples import sample_letter, samples
from mailbot.mail.templates import LANGUAGES, LETTERS, Rendered, Templates

GOLDEN = Path(__file__).parent / "golden"
TEMPLATES = Templates()
WITH_PAGE = [letter for letter in LETTERS if TEMPLATES.has(f"{letter}/en.html")]
EVERY = [
    (letter, language, turn) for letter, language in product(WITH_PAGE, LANGUAGES) for turn in samples(language)[letter]
]
CLIPPED = 102 * 1024  # octets: what is beyond, Gmail hides behind a link

# What Outlook, Thunderbird, Apple Mail and Gmail all document; no script, no form, nothing that is loaded.
ELEMENTS = set("html head meta title style body table thead tbody tr td th div p h1 h2 a img br b span strong".split())


@cache
def page(letter: str, language: str, turn: str) -> Rendered:
    return TEMPLATES.render(letter, language, samples(language)[letter][turn])


def html_of(letter: str, language: str, turn: str) -> str:
    html = page(letter, language, turn).html
    assert html is not None
    return html


@pytest.mark.parametrize(("letter", "language", "turn"), EVERY)
def test_a_page_is_valid_fetches_nothing_and_says_what_the_text_says(letter: str, language: str, turn: str) -> None:
    html = html_of(letter, language, turn)
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(html)
    assert tree.attrib["lang"] == language
    assert {element.tag for element in tree.iter() if isinstance(element.tag, str)} <= ELEMENTS
    for element in tree.iter():
        assert loads_nothing(element.tag, element.attrib), element.tag
    for element in tree.iter("img"):
        assert len(element.attrib["alt"]) > 20
        assert "background-color:#ffffff" in element.attrib["style"]  # legible in dark mode
    assert not re.search(r"url\(|@import|https?:|//", re.sub(r"<!--.*?-->", "", html))
    assert len(html.encode()) < CLIPPED
    shown = re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL)
    assert things_in(shown) == things_in(page(letter, language, turn).text)


def loads_nothing(tag: object, attributes: Mapping[str, str]) -> bool:
    """A link may write a mail; a picture is one of the letter's own."""
    allowed = r"mailto:[^\s]+" if tag == "a" else r"[a-z]+\.png"
    return all(re.fullmatch(allowed, attributes[name]) for name in LOADING & attributes.keys())


LOADING = {"src", "href", "background", "action", "srcset", "data", "poster"}

# Numbers of exchanges, mails and pings, codes, fingerprints, addresses: whatever somebody may need to act on.
THINGS = re.compile(
    r"\b[HP]-\d+"
    r"|\b20\d\d-\d{4}\b(?!-)"
    r"|[0-9A-F]{4}(?: [0-9A-F]{4}){8} [0-9A-F]{4}\b"
    r"|\([A-Z]{2}\)"
    r"|\S+@\S+\.example"
)


def things_in(text: str) -> set[str]:
    flat = " ".join(text.split()).replace(" 2026 ", " , ")  # a year before a fingerprint looks like its beginning
    found = {thing.strip(",.;:") for thing in THINGS.findall(flat)}
    return found - {"control@hub.example"}  # a link, on the page


@pytest.mark.parametrize(("letter", "language"), list(product(WITH_PAGE, LANGUAGES)))
def test_golden_page(letter: str, language: str) -> None:
    """What a person reads on the page, without its markup."""
    said = []
    for turn in samples(language)[letter]:
        html = re.sub(r"<style>.*?</style>|<!--.*?-->", "", html_of(letter, language, turn), flags=re.DOTALL)
        html = re.sub(r'<img src="([^"]*)" alt="([^"]*)"[^>]*>', r"[\1: \2]", html)
        lines = (" ".join(line.split()) for line in re.sub(r"<[^>]*>", "\n", html).splitlines())
        said.append(f"======== {turn}\n" + "\n".join(line for line in lines if line))
    path = GOLDEN / f"{letter}.{language}.page.txt"
    if os.environ.get("REWRITE_GOLDEN"):
        path.write_text("\n\n".join(said) + "\n", "utf-8")
    assert "\n\n".join(said) + "\n" == path.read_text("utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_first_words_say_whether_anybody_is_needed(language: str) -> None:
    """On a telephone: the subject in the list, and the first line of text and page alike."""
    words = {"en": ("Nothing needs you", "7 things need you"), "fr": ("Rien à faire", "7 choses à faire")}[language]
    for turn, expected in zip(("calm", "busy"), words, strict=True):
        rendered = page("digest", language, turn)
        assert rendered.subject.replace("\u00a0", " ").startswith(expected)
        assert rendered.text.split("\n")[0].casefold() == expected.casefold()
        shown = re.sub(r"<head>.*?</head>|<!--.*?-->|<[^>]*>", " ", rendered.html or "", flags=re.DOTALL)
        assert " ".join(shown.split()).startswith(expected)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_link_composes_the_mail_that_releases(language: str) -> None:
    html = html_of("digest", language, "busy").replace("&amp;", "&")
    links = re.findall(r'href="mailto:([^?]+)\?subject=([^&]+)&body=([^"]+)"', html)
    release, drop = {"en": ("RELEASE", "DROP"), "fr": ("LIB%C3%89RER", "SUPPRIMER")}[language]
    assert ("control@hub.example", f"%5B{release}%20H-12%5D%0D%0A") in {(to, body) for to, _, body in links}
    assert ("control@hub.example", f"%5B{drop}%20H-15%5D%0D%0A") in {(to, body) for to, _, body in links}
    assert not any("%5B" in subject for _, subject, _ in links)  # a tag stands in the signed text alone


def test_dark_mode_is_told_in_both_ways() -> None:
    html = html_of("digest", "en", "calm")
    assert '<meta name="color-scheme" content="light dark">' in html
    assert "@media (prefers-color-scheme: dark)" in html


def test_a_sample_as_a_letter_has_the_words_of_the_sample() -> None:
    for letter, language in product(WITH_PAGE, LANGUAGES):
        for turn, words in samples(language)[letter].items():
            made = sample_letter(letter, turn, language)
            assert made.words.items() <= words.items()
