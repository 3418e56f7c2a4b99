"""What is made of web/: its unit tests pass, and a wheel carries the page."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from urllib.request import urlopen

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def test_unit_tests_of_the_page(page_files, root):
    done = subprocess.run(["npm", "test"], cwd=root / "web", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.sub(r"\x1b\[\d+m", "", done.stdout).split("Tests")[1].split()[0]) > 50


def test_the_page_has_no_inline_code_and_no_other_host(page_files):
    html = (page_files / "index.html").read_text()
    assert re.findall(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)|javascript:", html) == []
    links = re.findall(r'(?:src|href)="([^"#][^"]*)"', html)
    assert links and all(link.startswith("./") for link in links)
    assert all((page_files / link).is_file() for link in links)


def test_the_lock_file_names_no_registry(root):
    packages = json.loads((root / "web/package-lock.json").read_text())["packages"]
    assert len(packages) > 50
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert [name for name, package in packages.items() if name and "integrity" not in package] == []


def test_a_wheel_carries_the_page(page_files, root, tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if "/static/" in name}
    built = {path.relative_to(page_files).as_posix() for path in page_files.rglob("*") if path.is_file()}
    assert {f"rs2sam2/serving/static/{name}" for name in built} == inside
    assert {"index.html", "assets/licences.md"} <= built
    assert (
        shutil.which("git") is None
        or not subprocess.run(["git", "ls-files", str(page_files)], cwd=root, capture_output=True, text=True).stdout
    )


def test_make_serve_in_a_clone_builds_and_serves(page_files, root, folder, tmp_path):
    """Everything but the installation of the Python packages, which are this process's own."""
    if shutil.which("git") is None or not (root / ".git").exists():
        pytest.skip("no git checkout to clone")
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(root), str(clone)], check=True)
    (clone / ".venv/bin").mkdir(parents=True)
    for name, command in (("python", ""), ("rs2sam2", " -m rs2sam2")):
        (clone / f".venv/bin/{name}").write_text(f'#!/bin/sh\nPYTHONPATH=src exec {sys.executable}{command} "$@"\n')
        (clone / f".venv/bin/{name}").chmod(0o755)
    (clone / ".venv/installed").touch()
    command = ["make", "serve", f"RASTERS={folder}", f"SERVE=--port 0 --cache {tmp_path / 'cache'}"]
    making = subprocess.Popen(
        command, cwd=clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    try:
        said = ""
        while "rs2sam2 serves on" not in said.rpartition("\n")[0].rpartition("\n")[2]:
            line = making.stdout.readline()
            assert line, said
            said += line
        address = said.split()[-1]
        html = urlopen(address).read().decode()
        for link in re.findall(r'(?:src|href)="\./([^"#]+)"', html):
            assert urlopen(address + link).status == 200
        assert "npm ci" in said and "vite build" in said and '<div id="map">' in html
    finally:
        os.killpg(making.pid, signal.SIGTERM)
        assert making.wait(60) is not None
        making.stdout.close()
