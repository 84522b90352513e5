"""run.py, the first thing anybody starts: what it says of a bare machine, what it installs, and when it does not."""

import ast
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GNUPG = ("gpg", "gpg-agent", "gpgconf")
CLIENTS = ("neomutt", "nano", "tmux", "thunderbird", "Xvfb")


def start(run_py: Path, *arguments: str, path: Path, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(run_py), *arguments],
        env={"PATH": str(path), "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def outcome(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    stdout, stderr = process.communicate(timeout=100)
    return process.returncode, stdout, stderr


def folder_of_programs(folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PATH with what the tests need and without uv, which would not find the wheels made here.

    Of the mail programs it has the names alone: who runs this file need not have them.
    """
    folder = folder_of_programs(tmp_path_factory.mktemp("path") / "bin", *GNUPG, "openssl", "sq", "rnp")
    for name in CLIENTS:
        (folder / name).symlink_to("/bin/true")
    return folder


# ---- a machine that lacks something


def test_alone_it_shows_its_usage(path: Path) -> None:
    code, stdout, stderr = outcome(start(ROOT / "run.py", path=path))
    assert (code, stdout) == (64, "")
    assert stderr.startswith("usage: python3 run.py COMMAND")


def test_help_is_no_error(path: Path) -> None:
    code, stdout, stderr = outcome(start(ROOT / "run.py", "--help", path=path))
    assert (code, stderr) == (0, "")
    assert "demo" in stdout


@pytest.mark.parametrize("absent", GNUPG)
def test_missing_gnupg_is_one_line_with_the_package(absent: str, tmp_path: Path) -> None:
    there = folder_of_programs(tmp_path / "bin", *(name for name in GNUPG if name != absent))
    code, stdout, stderr = outcome(start(ROOT / "run.py", "demo", path=there))
    assert (code, stdout, stderr.count("\n")) == (69, "", 1)
    assert stderr.endswith(f"apt-get install --yes {absent}\n")


def test_everything_missing_is_still_one_line(tmp_path: Path) -> None:
    code, _, stderr = outcome(start(ROOT / "run.py", "check", path=tmp_path))
    assert (code, stderr.count("\n")) == (69, 1)
    assert stderr.endswith("apt-get install --yes gpg gpg-agent gpgconf\n")


def test_tests_need_more(tmp_path: Path) -> None:
    there = folder_of_programs(tmp_path / "bin", *GNUPG)
    code, _, stderr = outcome(start(ROOT / "run.py", "test", path=there))
    assert (code, stderr.count("\n")) == (69, 1)
    assert stderr.endswith(" openssl sq rnp\n")
    code, _, stderr = outcome(start(ROOT / "run.py", "test", "--clients", path=there))
    assert (code, stderr.count("\n")) == (69, 1)
    assert stderr.endswith(" openssl sq rnp neomutt nano tmux thunderbird xvfb\n")


def pretend(change: str, path: Path) -> tuple[int, str, str]:
    """run.py in an interpreter that was changed first."""
    program = (
        f"import runpy, sys; {change}; sys.argv = ['run.py', 'demo']; runpy.run_path('run.py', run_name='__main__')"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=path, env={"PATH": str(path)}, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def test_missing_venv_is_one_line_with_the_package(path: Path, tmp_path: Path) -> None:
    bare = folder_of_programs(tmp_path / "bin", *GNUPG)
    copy_checkout(bare, "aiosmtpd==0 --hash=sha256:" + "0" * 64)
    code, stdout, stderr = pretend("sys.modules['ensurepip'] = None", bare)
    assert (code, stdout, stderr.count("\n")) == (69, "", 1)
    assert stderr.endswith("apt-get install --yes python3-venv\n")


def test_old_python_is_one_line(tmp_path: Path) -> None:
    copy_checkout(tmp_path, "")
    code, stdout, stderr = pretend("sys.version_info = (3, 10, 13, 'final', 0)", tmp_path)
    assert (code, stdout) == (69, "")
    assert stderr == "run.py: Python 3.11 or newer is needed, and this is 3.10\n"


def test_old_python_can_read_the_file() -> None:
    ast.parse((ROOT / "run.py").read_text(), feature_version=(3, 7))


# ---- installing: a checkout whose requirements are two small wheels that lie beside it

SHARED = "'-n', '2', '--no-loadscope-reorder'"
PEBBLE = {"pebble.py": "WEIGHT = 7\n"}
PYTEST = {"pytest.py": "import os, sys\nprint(sys.argv[1:], os.getcwd())\n"}
ROBOT = """\
import os, sys
import pebble
print(os.getpid(), os.getcwd(), pebble.WEIGHT, sys.argv[1:])
sys.exit(3)
"""


def make_wheel(folder: Path, name: str, files: dict[str, str]) -> str:
    """The line of a lock file that pins the wheel."""
    info = f"{name}-1.0.dist-info"
    members = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{member},,\n" for member in [*members, f"{info}/RECORD"])
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, text in [*members.items(), (f"{info}/RECORD", record)]:
            archive.writestr(member, text)
    return f"{name}==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def copy_checkout(folder: Path, runtime: str, tests: str = "") -> None:
    (folder / "tests").mkdir(parents=True)
    (folder / "mailbot").mkdir()
    shutil.copy(ROOT / "run.py", folder)
    (folder / "mailbot" / "__main__.py").write_text(ROBOT)
    (folder / "requirements.lock").write_text(runtime)
    (folder / "tests" / "requirements.lock").write_text(tests)


class Checkout:
    """A copy of run.py that installs from `wheels`, as a person would start it from another folder."""

    def __init__(self, folder: Path, path: Path) -> None:
        self.folder = folder / "checkout"
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        self.path = path
        runtime, tests = (make_wheel(self.wheels, *wheel) for wheel in (("pebble", PEBBLE), ("pytest", PYTEST)))
        copy_checkout(self.folder, runtime, tests)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return start(self.folder / "run.py", *arguments, path=self.path, env={"PIP_FIND_LINKS": str(self.wheels)})

    def run(self, *arguments: str) -> tuple[int, str, str]:
        return outcome(self.start(*arguments))

    def installed_at(self) -> int:
        """Tells one .venv from the next one in the same place."""
        return (self.folder / ".venv" / "pyvenv.cfg").stat().st_mtime_ns

    def break_off(self, number: signal.Signals) -> tuple[int, str, str]:
        """`run.py test`, with a signal to all its processes while pip installs the test tools."""
        stamp = self.folder / ".venv" / "installed-tests"
        process = self.start("test")
        while not (stamp.exists() and stamp.read_text() == "begun"):
            assert process.poll() is None
            time.sleep(0.005)
        os.killpg(process.pid, number)
        return outcome(process)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, path: Path) -> Checkout:
    made = Checkout(tmp_path_factory.mktemp("run"), path)
    first, second = made.start("demo", "--keep"), made.start("demo", "--keep")
    (code_1, _, stderr_1), (code_2, _, stderr_2) = outcome(first), outcome(second)
    assert (code_1, code_2) == (3, 3)
    assert (stderr_1 + stderr_2).count("Installing 1 packages into .venv with pip ...") == 1
    return made


def test_second_start_installs_nothing_and_is_the_command(checkout: Checkout) -> None:
    before = checkout.installed_at()
    process = checkout.start("demo", "--keep", "two words")
    code, stdout, stderr = outcome(process)
    assert (code, stderr) == (3, "")
    assert stdout == f"{process.pid} {Path.cwd()} 7 ['demo', '--keep', 'two words']\n"
    assert checkout.installed_at() == before


def test_tests_are_added_to_what_is_there(checkout: Checkout) -> None:
    before = checkout.installed_at()
    code, stdout, stderr = checkout.run("test", "-x", "--clients")
    assert (code, stdout) == (0, f"['-m', 'not soak', {SHARED}, '-x'] {checkout.folder}\n")
    assert stderr.startswith("Installing 1 packages into .venv with pip ...")
    assert stderr.count("\n") == 1
    assert checkout.run("test")[1:] == (f"['-m', 'not soak and not clients', {SHARED}] {checkout.folder}\n", "")
    assert checkout.installed_at() == before


@pytest.mark.parametrize("words", [["tests"], ["tests/requirements.lock::x"], ["-s"], ["--pdb"], ["-p", "no:xdist"]])
def test_named_tests_and_those_that_somebody_looks_at_run_in_one_process(checkout: Checkout, words: list[str]) -> None:
    said = ["-m", "not soak and not clients", *words]
    assert checkout.run("test", *words)[1] == f"{said} {checkout.folder}\n"


def test_the_users_number_of_processes_comes_last_and_wins(checkout: Checkout) -> None:
    said = ["-m", "not soak and not clients", *ast.literal_eval(f"[{SHARED}]"), "-n", "4"]
    assert checkout.run("test", "-n", "4")[1] == f"{said} {checkout.folder}\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_what_was_broken_off_is_made_afresh(checkout: Checkout, number: signal.Signals, code: int) -> None:
    before = checkout.installed_at()
    (checkout.folder / ".venv" / "installed-tests").unlink(missing_ok=True)
    broken, stdout, stderr = checkout.break_off(number)
    assert (broken, stdout) == (code, "")
    assert "Traceback" not in stderr
    assert checkout.run("test")[0] == 0
    assert checkout.installed_at() > before


def test_another_lock_is_another_venv(checkout: Checkout) -> None:
    before = checkout.installed_at()
    with (checkout.folder / "requirements.lock").open("a") as lock:
        lock.write("# another\n")
    code, _, stderr = checkout.run("status")
    assert (code, stderr.count("Installing")) == (3, 1)
    assert checkout.installed_at() > before


def test_what_cannot_be_installed_is_not_taken_for_good(checkout: Checkout) -> None:
    lock = checkout.folder / "tests" / "requirements.lock"
    good = lock.read_text()
    (checkout.folder / ".venv" / "installed-tests").unlink(missing_ok=True)
    for bad in (good.replace("1.0", "1.1"), good[:-65] + "0" * 64 + "\n"):  # nowhere to be had; another hash
        lock.write_text(bad)
        code, stdout, stderr = checkout.run("test")
        assert (code, stdout) == (75, "")
        assert "cannot install the requirements (is the network there?): ERROR: " in stderr.splitlines()[-1]
        assert "Traceback" not in stderr
    lock.write_text(good)
    assert checkout.run("test")[0] == 0
