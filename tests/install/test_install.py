"""make install into a folder: what lies where, and that it works from there."""
import os
import re
import shutil
import subprocess

import pytest

import lakegated

PREFIX = "/opt/lakegate"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("install")
    make = ["make", "CC=gcc", f"DESTDIR={folder}", f"PREFIX={PREFIX}", "install"]
    subprocess.run(make, cwd=lakegated.ROOT, check=True, capture_output=True)
    (folder / "etc/lakegate/lakegate.conf").write_text("region = eu-west-1\n")
    subprocess.run(make, cwd=lakegated.ROOT, check=True, capture_output=True)  # a second time keeps the settings
    return folder


def test_make_alone_builds_the_programs_and_not_the_console_only(tmp_path):
    planned = subprocess.run(["make", "--dry-run", f"BUILD={tmp_path}"], cwd=lakegated.ROOT, check=True, capture_output=True, text=True).stdout
    for name in ("lakegated", "lakegate", "libs3proto.a", "libs3proto.so"):
        assert f"{tmp_path}/{name}" in planned, name


def test_what_lies_where(installed):
    prefix = str(installed) + PREFIX
    for name in (
        "bin/lakegated", "bin/lakegate", "share/man/man8/lakegated.8", "share/man/man1/lakegate.1", "share/man/man5/lakegate.conf.5",
        "share/doc/lakegate/lakegate.conf", "lib/systemd/system/lakegated.service", "lib/libs3proto.a", "lib/libs3proto.so",
        "lib/pkgconfig/libs3proto.pc", "include/s3proto/sigv4.h", "include/s3proto/base/span.h",
    ):
        assert os.path.isfile(f"{prefix}/{name}"), name
    assert (installed / "etc/lakegate/lakegate.conf").read_text() == "region = eu-west-1\n"


def test_programs_say_their_version(installed):
    version = re.search(r"^VERSION := (\S+)$", (lakegated.ROOT / "Makefile").read_text(), re.M)[1]
    for name in ("lakegated", "lakegate"):
        printed = subprocess.run([f"{installed}{PREFIX}/bin/{name}", "--version"], capture_output=True, text=True, check=True).stdout
        assert printed == f"{name} {version}\n"
        assert "usage:" in subprocess.run([f"{installed}{PREFIX}/bin/{name}", "--help"], capture_output=True, text=True, check=True).stdout


def test_unit(installed):
    unit = installed / PREFIX[1:] / "lib/systemd/system/lakegated.service"
    text = unit.read_text()
    assert f"ExecStart={PREFIX}/bin/lakegated " in text and "@" not in text.replace("@system-service", "").replace("@privileged @resources", "")
    for line in ("Type=notify", "DynamicUser=yes", "StateDirectory=lakegate", "ProtectSystem=strict", "NoNewPrivileges=yes"):
        assert f"\n{line}\n" in text
    if shutil.which("systemd-analyze"):
        here = installed / "lakegated.service"
        here.write_text(text.replace(f"ExecStart={PREFIX}", f"ExecStart={installed}{PREFIX}").replace("Documentation=", "# "))
        verify = subprocess.run(["systemd-analyze", "verify", "--man=no", here], capture_output=True, text=True)
        assert not [line for line in verify.stderr.splitlines() if "lakegated.service" in line], verify.stderr


def test_example_settings(installed, tmp_path):
    """The example as it stands starts a daemon, and with every line of it switched on too."""
    example = (installed / PREFIX[1:] / "share/doc/lakegate/lakegate.conf").read_text()
    names = set(re.findall(r"^#?([a-z_]+) =", example, re.M))
    manual = set(re.findall(r"^\.BR ([a-z_]+) \" = ", (lakegated.ROOT / "docs/man/lakegate.conf.5").read_text(), re.M))
    assert names == manual
    shown = dict(re.findall(r"^#?([a-z_]+) = *(.*)$", example, re.M))
    printed = subprocess.run([lakegated.program(), "--help"], capture_output=True, text=True, check=True).stdout
    for name, default in re.findall(r"^  (?:--)?([a-z_-]+) \S+   \[(.*)\]$", printed, re.M):
        assert shown[name.replace("-", "_")] == default, name
    config = tmp_path / "lakegate.conf"
    config.write_text(example)
    with lakegated.Lakegated(arguments=["--config", str(config)]) as server:
        assert server.ready()
    keep_out = ("data", "listen", "tls_cert", "tls_key", "root_access_key", "root_secret_key", "secrets_key", "log", "remote_ca_file")
    config.write_text(re.sub(rf"^#((?!(?:{'|'.join(keep_out)}) )[a-z_]+ = )", r"\1", example, flags=re.M))
    with lakegated.Lakegated(arguments=["--config", str(config)]) as server:
        assert server.ready()


def test_manual_pages():
    """lakegate.conf(5) is what the daemon itself prints; all pages are sound."""
    printed = subprocess.run([lakegated.program(), "--print-manual"], capture_output=True, text=True, check=True).stdout
    assert (lakegated.ROOT / "docs/man/lakegate.conf.5").read_text() == printed, "make docs/man/lakegate.conf.5 writes it anew"
    for page in (lakegated.ROOT / "docs/man").iterdir():
        lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", page], capture_output=True, text=True)
        found = [line for line in lint.stdout.splitlines() if "missing date" not in line]
        assert not found, "\n".join(found)


def test_options_in_the_manual():
    """Options that lakegated(8) and lakegate(1) describe exist, and lakegated's help lists every setting."""
    settings = set(re.findall(r"^\.BR ([a-z_]+) \" = ", (lakegated.ROOT / "docs/man/lakegate.conf.5").read_text(), re.M))
    for name, page in (("lakegated", "lakegated.8"), ("lakegate", "lakegate.1")):
        printed = subprocess.run([lakegated.program(name), "--help"], capture_output=True, text=True, check=True).stdout
        for words in ("user", "group", "role", "policy", "policy test", "zones", "account", "scrub", "copy", "link") if name == "lakegate" else ():
            printed += subprocess.run([lakegated.program(name), *words.split(), "--help"], capture_output=True, text=True, check=True).stdout
        for option in re.findall(r"Fl -([a-z][a-z-]+)", (lakegated.ROOT / "docs/man" / page).read_text()):
            assert option == "name" or f"--{option}" in printed, (page, option)
        if name == "lakegated":
            for setting in settings:
                assert f"--{setting.replace('_', '-')} " in printed or f"  {setting} " in printed, setting
