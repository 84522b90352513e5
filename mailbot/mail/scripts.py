"""Which charset a text is in, by what each script can look like: for labels that are missing or lie.

Rules that are sure for a script of their own are asked before charset-normalizer, which needs longer texts.
"""

import re
from collections.abc import Callable

from mailbot.mail.tongues import unaccented

_SIGNS_OF_ALL = "€£§°ªº«»“”„‘’‚–—…·•¿¡\xa0\xad"


def _alphabets(*letters: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(small + small.upper() + _SIGNS_OF_ALL) for small in letters)


# Letters of one language and nothing else: the detector takes a short French text for Czech.
_WESTERN_LETTERS = _alphabets(
    "àâæçéèêëîïôœùûüÿ", "äöüß", "áéíóúñü", "àèéìíîòóù", "áâãàçéêíóôõúü", "åäöæøéü", "éèêëïöüá",
)  # fmt: skip
_WESTERN = ("cp1252", "cp850", "mac_roman")
_EASTERN_LETTERS = _alphabets(
    "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "ăâîşţșț", "čćđšž", "ąčęėįšųūž", "āčēģīķļņšūž",
    "çğıöşüâî",
)  # fmt: skip
_EASTERN = ("cp1250", "iso8859_2", "cp1257", "cp1254")
MOJIBAKE_LEAST = 2  # signs between letters, of which one may be a misprint


def strictly(octets: bytes, name: str) -> str | None:
    """The text, if every octet means something in this charset."""
    try:
        return octets.decode(name)
    except (LookupError, ValueError, TypeError):  # some codecs have errors of their own
        return None


def western(octets: bytes) -> str | None:
    """The Western charset in which all letters beyond ASCII belong to one language."""
    return next((name for name in _WESTERN if _is_of_one_language(octets, name, _WESTERN_LETTERS)), None)


def eastern(octets: bytes) -> str | None:
    """The same for the Latin alphabets from Poland to Turkey."""
    return next((name for name in _EASTERN if _is_of_one_language(octets, name, _EASTERN_LETTERS)), None)


def _is_of_one_language(octets: bytes, name: str, alphabets: tuple[frozenset[str], ...]) -> bool:
    beyond = {c for c in strictly(octets, name) or "\ufffd" if c > "\x7f"}
    return any(beyond <= alphabet for alphabet in alphabets)


def other_script(octets: bytes) -> str | None:
    """The charset of a text that is in a script of its own and in nothing else."""
    return next((name for name, is_so in _SCRIPTS if (text := strictly(octets, name)) and is_so(text)), None)


def is_utf_8(octets: bytes) -> bool:
    """Whether these octets, which could be in an East Asian charset as well, are UTF-8: by letters of three octets.

    Of two octets each, they may be in either: the Chinese for "Unicom" is famous for it.
    """
    beyond = [c for c in strictly(octets, "utf-8") or "" if c > "\x7f"]
    return bool(beyond) and 2 * sum(c > "\u07ff" for c in beyond) > len(beyond)


def is_mojibake(text: str) -> bool:
    """Whether signs stand between letters, or words begin small and go on in capitals: KOI8 read as Windows-1251."""
    words = re.findall(r"[^\W\d_]{3,}", text)
    beyond = [word for word in words if not word.isascii()]
    inverted = any(word[0].islower() for word in beyond) and all(word[1:].isupper() for word in beyond)
    signs = len(re.findall(r"(?<=[^\W\d_])[\xa1-\xa9\xab\xac\xae-\xb3\xb5\xb6\xb8\xb9\xbb-\xbf×÷№](?=[^\W\d_])", text))
    return signs >= MOJIBAKE_LEAST or inverted


# ---------------------------------------------------------------- scripts


def _share(text: str, inside: str) -> float:
    """Of the characters beyond ASCII, those in this class."""
    beyond = [c for c in text if c > "\x7f"]
    return len(re.findall(f"[{inside}]", text)) / len(beyond) if beyond else 0.0


_KANA, _HAN, _HANGUL, _SIGNS = "\u3041-\u30ff", "\u4e00-\u9fff", "\uac00-\ud7a3", "\u3000-\u303f\uff00-\uffef"


def _is_japanese(text: str) -> bool:
    return _share(text, _KANA) > 0.15 and _share(text, _KANA + _HAN + _SIGNS) > 0.95


def _is_korean(text: str) -> bool:
    return _share(text, _HANGUL) > 0.85


def _is_chinese(text: str) -> bool:
    letters = re.findall(f"[{_HAN}]", text)
    common = sum(map(_is_common, letters))
    return _share(text, _HAN + _SIGNS) > 0.95 and common > 0.9 * len(letters) > 0


def _is_common(letter: str) -> bool:
    """Of the first level of GB 2312 or of Big5: what is written nearly always."""
    simple, traditional = letter.encode("gb2312", "ignore"), letter.encode("big5", "ignore")
    return b"\xb0" <= simple[:1] <= b"\xd7" or b"\xa4" <= traditional[:1] <= b"\xc6"


def _is_hebrew(text: str) -> bool:
    """Five letters have a form of their own at the end of a word, and nowhere else."""
    if _share(text, "\u05d0-\u05ea") < 0.95 or _is_mixed(text):
        return False
    ends = re.findall(r"[ךםןףץ]\b", text)
    return bool(ends) and len(re.findall(r"[ךםןףץ]\B", text)) * 10 < len(ends)


def _is_thai(text: str) -> bool:
    return _share(text, "\u0e01-\u0e5b") > 0.99 and _share(text, "\u0e01-\u0e1f") > 0.1 and not _is_mixed(text)


def _is_cyrillic(text: str) -> bool:
    # KOI8-R has lines for boxes where KOI8-U has letters.
    boxes = re.search(r"[\u2500-\u25ff]", text)
    return not boxes and _share(text, "\u0400-\u04ff") > 0.9 and _is_written(text, "оеаинтсіу")


def _is_greek(text: str) -> bool:
    final_within = re.search(r"ς\B", text)
    return not final_within and _share(text, "\u0370-\u03ff") > 0.9 and _is_written(text, "αοιετνσςη")


def _is_written(text: str, commonest: str) -> bool:
    """Whether its words are written small, or great, or begin great; and the commonest letters are the commonest."""
    words = [word for word in re.findall(r"[^\W\d_]+", text) if not word.isascii()]
    letters = unaccented("".join(words))
    known = sum(letters.count(letter) for letter in commonest)
    return all(w.islower() or w.isupper() or w.istitle() for w in words) and known > 0.35 * len(letters)


def _is_mixed(text: str) -> bool:
    """Whether a word has letters of ASCII and others in it, as in no script but Latin."""
    return re.search(r"[a-zA-Z][\u0590-\u0e5b]|[\u0590-\u0e5b][a-zA-Z]", text) is not None


_SCRIPTS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("euc_jp", _is_japanese),
    ("cp932", _is_japanese),
    ("euc_kr", _is_korean),  # before Chinese, in whose charset the same octets are common letters
    ("gb18030", _is_chinese),
    ("big5hkscs", _is_chinese),
    ("cp1255", _is_hebrew),
    ("cp874", _is_thai),
    ("cp1253", _is_greek),
    ("iso8859_7", _is_greek),
    ("cp1251", _is_cyrillic),
    ("koi8_r", _is_cyrillic),
    ("koi8_u", _is_cyrillic),
    ("cp866", _is_cyrillic),
    ("iso8859_5", _is_cyrillic),
)
