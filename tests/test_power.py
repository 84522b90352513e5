"""Least power: what no module of the robot can do, read from its source, where no `noqa` counts."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "mailbot"
# They make objects, or run programs, out of octets.
NEVER = {"pickle", "shelve", "marshal", "dill", "yaml", "code", "codeop", "pty"}
# With these a connection can be begun: to the servers of the configuration, and to nobody that a mail names.
NETWORK = {"socket", "http.client", "urllib.request", "requests", "httpx", "aiohttp", "imapclient", "aiosmtplib"}
CONNECTING = (
    "wire/",
    "wiring.py",  # this machine's name
    "workers/heartbeat.py",  # to systemd
    "playground/",
    "bench/",
)


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_bytes())


def imported(module: ast.Module) -> set[str]:
    names = set[str]()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


SOURCES = dict(sources())


def test_nothing_makes_objects_out_of_octets() -> None:
    assert {name: found for name, module in SOURCES.items() if (found := imported(module) & NEVER)} == {}


def calls() -> Iterator[tuple[str, ast.Call, str]]:
    for name, module in SOURCES.items():
        for node in ast.walk(module):
            if isinstance(node, ast.Call):
                yield name, node, ast.unparse(node.func)


def test_nothing_runs_a_shell_or_text() -> None:
    banned = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput"}
    assert [(name, said) for name, _, said in calls() if said in banned] == []
    shells = [(name, said) for name, call, said in calls() if any(word.arg == "shell" for word in call.keywords)]
    assert shells == []


def test_only_the_wire_begins_connections() -> None:
    found = {name for name, module in SOURCES.items() if imported(module) & NETWORK}
    assert {name for name in found if not name.startswith(CONNECTING)} == set()
    assert {name for name in found if name.startswith("wire/")}, "the search finds what it must"


def test_letters_are_made_in_one_sandbox_alone() -> None:
    jinja = {"Environment", "NativeEnvironment", "SandboxedEnvironment", "ImmutableSandboxedEnvironment", "Template"}
    made = [(name, said) for name, _, said in calls() if said in jinja or said.endswith("from_string")]
    assert made == [("mail/templates.py", "ImmutableSandboxedEnvironment")]
