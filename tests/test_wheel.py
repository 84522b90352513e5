"""`pip install .`: the wheel holds letters, example configuration and migrations, and starts without a checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what pip would put into site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True)
    (wheel,) = folder.glob("mailbot-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def files_below(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("folder", ["templates", "mailbot/store/migrations"])
def test_every_file_is_there(installed: Path, folder: str) -> None:
    inside = installed / ("mailbot/_resources/templates" if folder == "templates" else folder)
    assert files_below(inside) == files_below(ROOT / folder) != set()


def test_the_example_configuration_is_there(installed: Path) -> None:
    example = installed / "mailbot" / "_resources" / "config.example.toml"
    assert example.read_bytes() == (ROOT / "config.example.toml").read_bytes()


def test_nothing_else_is_installed(installed: Path) -> None:
    assert {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")} == {"mailbot"}


def test_the_command_starts_without_a_checkout(installed: Path, tmp_path: Path) -> None:
    begin = f"import sys; sys.path.insert(0, {str(installed)!r}); sys.argv = ['mailbot', '--help']"
    program = f"{begin}; from mailbot.cli import main; main()"
    command = [sys.executable, "-P", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "check" in done.stdout
