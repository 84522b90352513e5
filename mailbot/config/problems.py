"""What is wrong with a configuration file: pydantic's errors and our own, as findings with a line and a hint."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from mailbot.config.lines import Path, line_of
from mailbot.core.findings import Finding

_SECRETS = ("password", "passphrase", "client_secret", "refresh_token")
_SECRET_ENDINGS = ("_file", "_env", "_credential")


class ConfigurationError(Exception):
    """The configuration cannot be used; `problems` are all that were found, in the order of the file."""

    def __init__(self, problems: Iterable[Finding]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong at a place in the tree of settings; it becomes a Finding once its line is known."""

    id: str  # without the "config." in front
    path: Path
    message: str
    hint: str = ""

    def located(self, name: str, lines: Mapping[Path, int]) -> Finding:
        line = line_of(self.path, lines)
        place = f"{name}:{line}" if line else name
        return Finding(f"config.{self.id}", self.message, self.hint, place=place)


def in_order(problems: Iterable[Problem], lines: Mapping[Path, int]) -> list[Problem]:
    """Each once, by line; what concerns the whole file first."""
    return sorted(dict.fromkeys(problems), key=lambda problem: line_of(problem.path, lines) or 0)


def unfit(name: str, message: str, hint: str = "") -> PydanticCustomError:
    """A value that its form refuses; `name` is the id that the finding will have. The message may name the value."""
    return PydanticCustomError("mailbot", "{message}", {"id": name, "message": message, "hint": hint})


def did_you_mean(written: str, known: Iterable[str]) -> str:
    """A question with the nearest of these words; empty if none is near."""
    near = difflib.get_close_matches(written, list(known), n=1)
    return f"did you mean {near[0]}?" if near else ""


def dotted(path: Path) -> str:
    """A path as people write it: `parties[2].desks[1].address`; the first element is [1]."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


# ---------------------------------------------------------------- what pydantic found


def from_pydantic(error: ValidationError, root: type[BaseModel]) -> list[Problem]:
    """Its errors in our words. Values are never quoted here: one of them may be a secret in the wrong place."""
    return [_translate(details, root) for details in error.errors(include_url=False)]


def _translate(details: ErrorDetails, root: type[BaseModel]) -> Problem:
    path, context = tuple(details["loc"]), details.get("ctx", {})
    match details["type"]:
        case "mailbot":
            return Problem(context["id"], path, f"{dotted(path)}: {context['message']}", context["hint"])
        case "extra_forbidden":
            return _unknown_key(path, root)
        case "missing":
            return _missing_key(path, root)
        case "too_short":
            return Problem("empty", path, f"{dotted(path)} is empty", "leave the line out, or name at least one")
        case kind if kind in _WRONG_TYPES:
            hint = f"begin each of them with [[{path[-1]}]]" if keys_at(root, path) else _HOW_TO_WRITE[kind]
            return Problem("wrong-type", path, f"{dotted(path)} must be {_WRONG_TYPES[kind]}", hint)
    said = details["msg"].replace("Input should be", "must be")
    return Problem("out-of-range", path, f"{dotted(path)} {said}", "choose a value within these limits")


_WRONG_TYPES: Mapping[str, str] = {
    "string_type": "a text in quotes",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list in [square brackets]",
    "model_type": "a table",
}
_HOW_TO_WRITE: Mapping[str, str] = {
    "string_type": 'put it in quotes: "…"',
    "int_type": "write it without quotes and without a decimal point",
    "float_type": "write it without quotes",
    "bool_type": "write it without quotes",
    "list_type": 'write ["…"], also for a single one',
    "model_type": "config.example.toml shows how",
}


def _unknown_key(path: Path, root: type[BaseModel]) -> Problem:
    key, known = str(path[-1]), keys_at(root, path[:-1])
    if key in _SECRETS:
        others = ", ".join(key + ending for ending in _SECRET_ENDINGS)
        return Problem(
            "secret-in-file",
            path,
            f"{dotted(path)}: no secret may stand in this file",
            f"use one of {others}; and change the secret if others could read it here",
        )
    hint = did_you_mean(key, known) or f"known here: {', '.join(known)}"
    return Problem("unknown-key", path, f"{dotted(path)} is no known setting", hint)


def _missing_key(path: Path, root: type[BaseModel]) -> Problem:
    key = dotted(path)
    is_section = bool(keys_at(root, path))
    hint = f"add a section [{key}]" if is_section else f"add a line: {path[-1]} = …"
    return Problem("missing-key", path, f"{key} is missing", f"{hint}; config.example.toml shows how")


# ---------------------------------------------------------------- the tree of known settings


def keys_at(root: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The settings that the table at this path may hold; () if no table is there."""
    model: type[BaseModel] | None = root
    for step in path:
        if isinstance(step, str) and model:
            known = model.model_fields.get(step)
            model = _model_in(known.annotation) if known else None
    return tuple(model.model_fields) if model else ()


def every_key(root: type[BaseModel], path: tuple[str, ...] = ()) -> tuple[tuple[str, ...], ...]:
    """The path of every setting that is no table, without the numbers of array elements."""
    found: list[tuple[str, ...]] = []
    for name, known in root.model_fields.items():
        inner = _model_in(known.annotation)
        found += every_key(inner, (*path, name)) if inner else [(*path, name)]
    return tuple(found)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model within `X`, `X | None` or `list[X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner))), None)
