"""Octets to text: as the label says, if that can be true, else as a detector finds; never a replacement character."""

import codecs
import re
import unicodedata
from contextlib import suppress

from charset_normalizer import from_bytes

from mailbot.mail.jis import JIS, jis_to_shift_jis
from mailbot.mail.scripts import eastern, is_mojibake, is_utf_8, other_script, strictly, western

SAMPLE = 16_384  # octets the detector is shown: it costs about 10 ms for each KiB it cannot tell at once

# Labels that promise less than the senders use (WHATWG Encoding Standard §4.2 treats them likewise), and names that
# mail programs write and Python does not know.
_LARGER = {
    "ascii": "utf-8",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "big5hkscs",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
}
_ALIASES = {
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "x-sjis": "cp932",
    "x-gbk": "gb18030",
    "x-euc-jp": "euc_jp",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-ce": "mac_latin2",
    "x-cp1250": "cp1250",
    "x-cp1251": "cp1251",
    "x-cp1252": "cp1252",
    "cp-850": "cp850",
    "ansi": "cp1252",
}
# Python codecs that decode octets to text but are no charset of mail; some take quadratic time.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
# What the detector may choose from: single-octet code pages of the members' languages, and the East Asian ones.
_CANDIDATES = [
    "utf_8", "cp1252", "cp1250", "cp1251", "koi8_r", "koi8_u", "cp1253", "iso8859_2", "iso8859_5", "iso8859_7",
    "cp1254", "cp1255", "cp1256", "cp1257", "cp866", "cp932", "euc_jp", "gb18030", "big5hkscs", "cp949",
]  # fmt: skip
_WESTERN = frozenset({"cp1252", "iso8859-15", "utf-8", "mac-roman", "cp850", "cp437"})
_SEVEN_BITS = ("utf-7", "hz", "iso2022")  # a text in one of these is ASCII octets, and means something else
_MARKS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"), (codecs.BOM_UTF16_LE, "utf-16"),
          (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip
FOREIGN_SHARE = 0.4  # of the letters beyond ASCII; Western languages stay under a tenth, mislabelled Cyrillic is near 1


def decode(octets: bytes, label: str = "", *, is_cut: bool = False) -> str:
    """These octets as text: by their label, or as UTF-8 if they can be nothing else, or as the detector says.

    Never fails; the last resort is Windows-1252, its five unused octets read as Latin-1 controls. `is_cut` says that
    the end may be missing, so that half a character there is no sign of another charset.
    """
    for name in _likely(octets, label):
        text = _decoded(octets, name, is_cut=is_cut)
        if text is not None and not _is_wrong(text, name):
            return text.removeprefix("\ufeff")
    name = _found(octets) or ""
    return strictly(octets, name) or strictly(octets, codec(label)) or _windows(octets)


def _likely(octets: bytes, label: str) -> tuple[str, ...]:
    """The charsets to try, the likeliest first."""
    name, start = codec(label), octets[:SAMPLE]
    if marked := next((wide for mark, wide in _MARKS if start.startswith(mark) and b"\0" in start), None):
        return (marked,)
    if b"\x1b$" in start or b"\x1b(" in start:  # seven-bit East Asian text, whatever the label
        return (name, "iso2022_jp_2", JIS) if name.startswith("iso2022") else ("iso2022_jp_2", JIS, name)
    if octets.isascii() and not name.startswith(_SEVEN_BITS) and not (name.startswith("utf-") and b"\0" in start):
        return ("ascii",)
    return ("utf-8", name) if _takes_anything(name) or is_utf_8(start) else (name, "utf-8")


def _is_wrong(text: str, name: str) -> bool:
    """Whether a charset of one octet a letter, in which any octets are some text, made nonsense of these."""
    return _takes_anything(name) and (_looks_foreign(text, name) or is_mojibake(text[:SAMPLE]))


def _found(octets: bytes) -> str | None:
    """The charset, as the octets themselves show."""
    sample = octets[:SAMPLE]
    return western(octets) or other_script(sample) or eastern(octets) or _detector(octets)


def charset_of(octets: bytes, label: str = "") -> str:
    """The registered name that a text/plain of these octets must carry.

    That is ASCII or UTF-8 where it is one, else the label where it can be true, else what the detector says.
    """
    if octets.isascii() and b"\x1b$" not in octets[:SAMPLE]:
        return "us-ascii"
    if strictly(octets, "utf-8") is not None and not octets.isascii():
        return "utf-8"
    name = codec(label)
    # The label stands outside what was signed: one such as cp037 or utf-16 would make other words of the same octets.
    if name == "utf-8" or strictly(_ASCII, name) != _ASCII.decode() or strictly(octets, name) is None:
        name = "iso2022_jp_2" if octets.isascii() else _found(octets) or "cp1252"
    return _REGISTERED.get(name) or re.sub(r"^cp(?=125|874)", "windows-", name.replace("_", "-"))


_ASCII = bytes(range(0x20, 0x7F))
_REGISTERED = {
    "cp932": "shift_jis",
    "cp949": "euc-kr",
    "big5hkscs": "big5-hkscs",
    "iso2022_jp": "iso-2022-jp",
    "iso2022_jp_2": "iso-2022-jp-2",
    **{f"iso8859-{n}": f"iso-8859-{n}" for n in range(1, 17)},
    **{f"iso8859_{n}": f"iso-8859-{n}" for n in range(1, 17)},
}


def codec(label: str) -> str:
    """The Python codec for a charset label, a larger one where senders use more than the label says; UTF-8 if none."""
    wanted = re.sub(r"[^a-z0-9_:+-]", "", label[:60].lower())
    for name in (_ALIASES.get(wanted, wanted), re.sub(r"^(?:x-|cs)", "", wanted), re.sub(r"^win\D*", "cp", wanted)):
        with suppress(LookupError, ValueError):
            found = codecs.lookup(name).name
            return _LARGER.get(found, found) if _makes_text(found) else "utf-8"
    return "utf-8"


def _makes_text(name: str) -> bool:
    try:
        b"a".decode(name)
    except LookupError:  # zip, hex, rot13
        return False
    except ValueError:  # half a character
        pass
    return name.replace("-", "_") not in _NO_CHARSETS


def _decoded(octets: bytes, name: str, *, is_cut: bool) -> str | None:
    if name == JIS:
        return strictly(jis_to_shift_jis(octets), "cp932")
    if not is_cut:
        return strictly(octets, name)
    try:
        text = codecs.getincrementaldecoder(name)().decode(octets, final=False)
    except (LookupError, ValueError, TypeError):
        return None
    return text if octets.isascii() or not text.isascii() else None  # half a letter shows nothing


def _takes_anything(name: str) -> bool:
    """Whether any octets at all would decode under this label, so that UTF-8 must be tried before it."""
    return name.startswith(("cp12", "iso8859", "koi8", "mac", "cp4", "cp8", "kz1048", "ptcp154", "hp-roman8"))


def _looks_foreign(text: str, name: str) -> bool:
    """Whether a Western label made letters beyond ASCII of nearly all the text, which no Western language does."""
    if name not in _WESTERN or text.isascii():
        return False
    letters = [c for c in text[:SAMPLE] if unicodedata.category(c)[0] in "LS"]
    return sum(c > "\x7f" for c in letters) > FOREIGN_SHARE * len(letters) and len(letters) > 8


def _detector(octets: bytes) -> str | None:
    best = from_bytes(octets[:SAMPLE], cp_isolation=_CANDIDATES, enable_fallback=False).best()
    return best.encoding if best else None


def _windows(octets: bytes) -> str:
    return octets.decode("cp1252", "surrogateescape").translate(_UNUSED)


_UNUSED = {0xDC00 + octet: octet for octet in range(0x80, 0xA0)}  # 81, 8D, 8F, 90, 9D mean nothing in Windows-1252
