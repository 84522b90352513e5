"""What vacation programs and people say of a return, in the languages of the network and its neighbours.

Everything is compared without regard to case and accents, for people on holiday leave them out.
"""

import unicodedata
from dataclasses import dataclass


def unaccented(text: str) -> str:
    """Lower case, without accents; everything else as it was."""
    apart = unicodedata.normalize("NFD", text.lower().replace("’", "'"))
    return unicodedata.normalize("NFC", "".join(c for c in apart if unicodedata.category(c) != "Mn"))


@dataclass(frozen=True, slots=True)
class Tongue:
    """The words of one language, as regular expressions of unaccented text."""

    locale: str  # Babel's name, for the months
    returns: str = ""  # in front of the day of return
    back: str = ""  # behind it
    until: str = ""  # in front of the last day away
    until_behind: str = ""
    declines: bool = False  # the months take more endings than Babel knows


def _tongue(
    locale: str, returns: str, back: str, until: str, until_behind: str = "", *, declines: bool = False
) -> Tongue:
    before, behind, first, last = map(unaccented, (returns, back, until, until_behind))
    return Tongue(locale, before, behind, first, last, declines)


TONGUES = (
    _tongue(
        "en",
        r"return(?:ing|ed|s)?|(?:be )?back|in the office again|(?:available|reachable) (?:again|from)|resum(?:e|ing)",
        r"back|again",
        r"until|till|'til|through|thru|to|up to",
    ),
    _tongue(
        "fr",
        r"retour|reviens|reviendrai|rentre|rentrerai|reprends|reprendrai|reprise"
        r"|(?:joignable|disponible|présente?|au bureau) (?:à partir d[ue]|dès le)",
        r"de retour",
        r"jusqu'? ?(?:au|à|en)|au",
    ),
    _tongue(
        "de",
        r"zurück|zurueck|wieder|rückkehr|(?:erreichbar|verfügbar|da|im büro) ab(?: dem)?",
        r"wieder|zurück|zurueck",
        r"bis",
    ),
    _tongue(
        "es",
        r"vuelv[oae]|volver[ée]?|regres[oaeé]\w*|retorno|reincorpor\w+|(?:disponible|localizable) a partir del?",
        r"de vuelta|de regreso",
        r"hasta|al",
    ),
    _tongue(
        "it",
        r"rientr\w+|ritorn\w+|torner[òo]|(?:disponibile|raggiungibile|operativ[oa]|in ufficio) (?:a partire )?dal?",
        r"di ritorno|di nuovo",
        r"fino|sino|al",
    ),
    _tongue(
        "pl",
        r"wracam|wrócę|powracam|powrót|powrotu|będę (?:z powrotem|ponownie|dostępn[ya])|ponownie",
        r"z powrotem|ponownie",
        r"do(?: dnia)?",
    ),
    _tongue("nl", r"terug|weer (?:aanwezig|bereikbaar|op kantoor)", r"terug|weer", r"tot(?: en met)?|t/m|t\.e\.m\.?"),
    _tongue("pt", r"regress\w+|retorn\w+|volt(?:o|arei|ar|ei)|de volta", r"de volta", r"até|ao"),
    _tongue("sv", r"tillbaka|åter|återkommer", r"tillbaka|åter", r"till(?: och med)?|t\.?o\.?m\.?"),
    _tongue("da", r"tilbage|retur|træffes", r"tilbage|igen", r"til(?: og med)?|t\.?o\.?m\.?"),
    _tongue("nb", r"tilbake|igjen", r"tilbake|igjen", r"til(?: og med)?|t\.?o\.?m\.?"),
    _tongue("fi", r"palaan|palaa|takaisin|paikalla|tavoitettavissa", r"takaisin|jälkeen", "", r"asti|saakka"),
    _tongue("cs", r"vrátím|vracím|návrat|zpět|opět|znovu", r"zpět|opět|znovu", r"do"),
    _tongue("sk", r"vrátim|vraciam|návrat|späť|opäť|znova", r"späť|opäť|znova", r"do"),
    _tongue("hu", r"visszatér\w*|vissza|ismét|újra", r"vissza\w*|ismét|újra", "", r"ig"),
    _tongue("ro", r"revin|revenire|reveni|întorc|întoarce\w*|înapoi", r"înapoi", r"până"),
    _tongue("bg", r"връщам|върна|обратно", r"обратно|отново", r"до"),
    _tongue("ru", r"вернусь|вернуться|возвращаюсь|возвращение|выйду|выхожу|буду", r"снова|вернусь", r"до|по"),
    _tongue("uk", r"повернусь|повернуся|повертаюсь|буду", r"знову|повернусь", r"до|по"),
    _tongue("el", r"επιστρ[εέ]\w+|επιστροφή|πίσω|ξανά", r"πίσω|ξανά", r"μέχρι|έως|ως"),
    _tongue("hr", r"vraćam|vratit\w*|povratak|natrag|ponovno|opet", r"natrag|ponovno|opet", r"do"),
    _tongue("sl", r"vrnem|vrnil\w*|vračam|nazaj|spet|ponovno", r"nazaj|spet|ponovno", r"do", declines=True),
    _tongue("et", r"tagasi|naasen", r"tagasi", r"kuni", r"ni", declines=True),
    _tongue("lv", r"atgriezīšos|atgriežos|atpakaļ", r"atpakaļ", r"līdz", declines=True),
    _tongue("lt", r"grįš\w+|grįžtu|grįžimas", r"grįš\w+", r"iki"),
    _tongue("tr", r"dönece\w*|dönüş\w*", r"dönece\w*|dönüş\w*", "", r"(?:'?\w{1,4} |tarihine )?(?:kadar|dek)"),
    _tongue("ga", r"ar ais|fillfidh", r"ar ais", r"go dtí|go"),
    _tongue("mt", r"lura|nirritorna", r"lura", r"sa"),
    _tongue("ja", "", "", "", r"(?:\(\w\)|（\w）)?\s?(?:まで|(?:から|に)?(?:戻|復帰|出社))"),
    _tongue("zh", "", "", "", r"(?:返回|回来|回來|上班|之?前)"),
    _tongue("ko", "", "", "", r"까지|(?:에 )?복귀"),
)
