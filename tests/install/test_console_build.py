"""Where the console cannot be built, the daemon is built without it, and one line says why."""
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TOOLS = ["bash", "dirname", "mkdir", "flock", "find", "touch", "cmp", "cp", "rm", "cat", "tail", "tr", "env"]


@pytest.fixture
def tree(tmp_path):
    """A source tree that has a console, and a PATH on which there is no Node."""
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    (tmp_path / "daemon/console").mkdir(parents=True)
    (tmp_path / "daemon/console/package-lock.json").write_text("{}")
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/build-console", tmp_path / "scripts")
    return tmp_path


def build(tree):
    return subprocess.run([str(tree / "scripts/build-console"), str(tree / "out")], env={**os.environ, "PATH": str(tree / "bin")},
                          capture_output=True, text=True, timeout=60)


def program(tree, name, text):
    path = tree / "bin" / name
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
    path.chmod(0o755)


def assert_without(tree, done, why):
    assert done.returncode == 0, done
    assert done.stderr.splitlines() == [f"console: {why}: building without it"]
    assert "console_file_count = 0" in (tree / "out/console_files.c").read_text()


def test_without_node(tree):
    assert_without(tree, build(tree), "Node 20.19 or newer is not here")


@pytest.mark.parametrize("version", ["v18.20.8", "v20.18.3", "v21.7.3", "v22.11.0", "nonsense"])
def test_with_one_that_is_too_old(tree, version):
    program(tree, "node", f"echo {version}")
    assert_without(tree, build(tree), "Node 20.19 or newer is not here")


@pytest.mark.parametrize("version", ["v20.19.0", "v22.12.0", "v25.0.0"])
def test_packages_that_cannot_be_fetched_are_tried_once_an_hour(tree, version):
    program(tree, "node", f"echo {version}")
    program(tree, "npm", f"echo asked >>{tree}/asked; exit 1")
    assert_without(tree, build(tree), f"npm ci failed ({tree}/out/npm.log)")
    again = build(tree)
    assert again.returncode == 0 and "within the last hour" in again.stderr and len(again.stderr.splitlines()) == 1
    assert (tree / "asked").read_text() == "asked\n"


def test_without_its_sources(tree):
    shutil.rmtree(tree / "daemon")
    assert_without(tree, build(tree), "daemon/console is not there")
