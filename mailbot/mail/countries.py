"""What countries are called in the robot's languages: of a party whose configuration gives it no name."""

from collections.abc import Mapping

from babel import Locale

from mailbot.mail.templates import LANGUAGES


def country_names(code: str) -> Mapping[str, str]:
    """Language -> name, as CLDR has it; empty for a code that is no country's, nor the European Union's."""
    found = {language: Locale(language).territories.get(code.upper(), "") for language in LANGUAGES}
    return {language: str(name) for language, name in found.items()} if all(found.values()) else {}
