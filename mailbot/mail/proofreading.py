"""Reads every letter before the robot needs it: whether it is there in both languages, with the right words."""

from collections.abc import Iterator
from pathlib import Path

from jinja2 import TemplateError, TemplateSyntaxError

from mailbot.core.findings import Finding, Severity
from mailbot.mail.samples import samples
from mailbot.mail.templates import LANGUAGES, LETTERS, WRITER_WORDS, Templates


def proofread(override: Path | None = None) -> list[Finding]:
    """What is wrong with any letter, or with a file of the operator's folder that would never be read."""
    templates = Templates(override)
    found = [problem for letter in LETTERS for problem in _of_letter(templates, letter)]
    return found + list(_strangers(override))


def _of_letter(templates: Templates, letter: str) -> Iterator[Finding]:
    names = [f"{letter}/{language}.txt" for language in LANGUAGES]
    pages = [f"{letter}/{language}.html" for language in LANGUAGES]
    # A page is no duty, but one language alone would be a letter that differs between readers.
    if any(templates.has(page) for page in pages):
        names += pages
    found = [problem for name in names for problem in _of_file(templates, letter, name)]
    yield from found or _of_samples(templates, letter)


def _of_file(templates: Templates, letter: str, name: str) -> Iterator[Finding]:
    try:
        if not templates.has(name):
            yield _missing(name)
            return
        used = templates.words_used(name) - WRITER_WORDS
    except TemplateError as error:
        yield _broken(name, error)
        return
    declared = LETTERS[letter]  # a page says all that the text says: some see the one, some the other
    if used != declared:
        yield _other_words(name, used - declared, declared - used)


def _of_samples(templates: Templates, letter: str) -> Iterator[Finding]:
    for language in LANGUAGES:
        for words in samples(language)[letter].values():
            try:
                templates.try_out(letter, language, words)
            except Exception as error:  # noqa: BLE001  # whatever a template does wrong is a finding
                yield _broken(f"{letter}/{language}", error)
                break


def _strangers(folder: Path | None) -> Iterator[Finding]:
    known = {f"{letter}/{language}{end}" for letter in LETTERS for language in LANGUAGES for end in (".txt", ".html")}
    known |= Templates().parts()
    for path in sorted(folder.rglob("*")) if folder else ():
        name = path.relative_to(folder).as_posix() if folder else ""
        if path.is_file() and name not in known:
            yield _unknown(path, name)


def _missing(name: str) -> Finding:
    return Finding(
        "templates.missing", "there is no such letter", "Restore the file from the program's own folder", place=name
    )


def _broken(name: str, error: Exception) -> Finding:
    line = f":{error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
    return Finding("templates.broken", f"{type(error).__name__}: {error}", _MEND, place=f"{name}{line}")


def _other_words(name: str, unknown: frozenset[str], lacking: frozenset[str]) -> Finding:
    said = [f"does not use {', '.join(sorted(lacking))}"] if lacking else []
    said += [f"uses {', '.join(sorted(unknown))}, which this letter is not given"] if unknown else []
    return Finding("templates.words", f"it {' and '.join(said)}", _MEND, place=name)


def _unknown(path: Path, name: str) -> Finding:
    hint = f"Letters are named like {name.partition('/')[0]}/en.txt; these exist: {', '.join(LETTERS)}"
    return Finding("templates.unknown", "this file is never read", hint, Severity.WARNING, place=str(path))


_MEND = "Compare it with the program's own file of that name, or take it away to use that one"
