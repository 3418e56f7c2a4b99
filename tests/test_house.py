"""The house rules that a machine can check."""

import ast
import re
import subprocess
import sys
import sysconfig
import time
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "rs2sam2"
SCRIPTS = Path(sysconfig.get_path("scripts"))
FILES = sorted(SOURCE.rglob("*.py"))

# Parts that a user of the core can reach, so they must not import at their top what only an extra brings.
CORE_PARTS = (
    "__init__",
    "errors",
    "config",
    "losses",
    "preprocess",
    "tokenizer",
    "model",
    "checkpoints",
    "export",
    "inference",
)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def declared(project: dict[str, Any], extra: str | None = None) -> list[Requirement]:
    lines = project["dependencies"] if extra is None else project["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def names(requirements: list[Requirement]) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements}


def imports(tree: ast.AST, *, top_level: bool) -> Iterator[str]:
    """Names of imported top-level packages; `top_level` leaves out those inside functions."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            continue
        elif not (top_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield from imports(node, top_level=top_level)


@cache
def owners_of_packages() -> Mapping[str, list[str]]:
    """Distributions by the packages that they bring; reads what every installed one says of itself."""
    return packages_distributions()


def third_party(path: Path, *, top_level: bool) -> set[str]:
    """Distributions that `path` imports, by canonical name."""
    known = owners_of_packages()
    found = set()
    for package in set(imports(ast.parse(path.read_text()), top_level=top_level)):
        if package != "rs2sam2" and package not in sys.stdlib_module_names:
            owners = {canonicalize_name(owner) for owner in known.get(package, [package])}
            # `lightning` ships a second name for itself; the one that is declared is the one that counts.
            owner = min(owners, key=lambda owner: (owner != package.lower(), owner))
            found.add({"pystac": "pystac-core"}.get(owner, owner))  # pystac is pystac-core and two dozen extensions
    return found


def best_of(tries: int, command: list[str]) -> float:
    """Shortest wall time of `command` in seconds: the machine's pauses are not the package's."""
    times = []
    for _ in range(tries):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def test_imports_follow_the_arrows() -> None:
    done = subprocess.run([SCRIPTS / "lint-imports", "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_file_is_one_idea(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 350


def test_no_file_names_a_registry() -> None:
    hosts = re.compile(
        r"pypi\.org|pythonhosted\.org|download\.pytorch\.org|registry\.npmjs|debian\.org|index-url", re.I
    )
    kept = [ROOT / name for name in ("Makefile", "README.md", "pyproject.toml", "constraints.txt", ".ci/run")]
    kept += [ROOT / ".pre-commit-config.yaml", ROOT / "web/package-lock.json", ROOT / "web/.npmrc", *FILES]
    assert [str(path) for path in kept if hosts.search(path.read_text())] == []


def test_every_bound_has_a_reason() -> None:
    inside = False
    bare = []
    for line in (ROOT / "pyproject.toml").read_text().splitlines():
        inside = line.startswith(("[project]", "[project.optional")) or (inside and not line.startswith("["))
        bound = re.match(r'\s*"(\S+?(?:\[\S+\])?>=(\S+))",(.*)', line)
        if inside and bound and not re.search(r"# \S+: \S+", bound[3]):
            bare.append(bound[1])
    assert bare == []


def test_constraints_pin_every_dependency_within_its_range(project: dict[str, Any]) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines if "==" in line}
    assert pinned["torch"] == "2.13.0"
    assert not [version for version in pinned.values() if "+" in version], "a local build exists on one machine only"
    requirements = declared(project) + [
        r for extra in project["optional-dependencies"] for r in declared(project, extra)
    ]
    assert [str(r) for r in requirements if not r.specifier.contains(pinned.get(canonicalize_name(r.name), "0"))] == []


def test_every_import_is_declared(project: dict[str, Any]) -> None:
    extras = [
        requirement
        for extra in project["optional-dependencies"]
        if extra != "dev"
        for requirement in declared(project, extra)
    ]
    allowed = names(declared(project) + extras)
    undeclared = {str(path.relative_to(SOURCE)): third_party(path, top_level=False) - allowed for path in FILES}
    assert {path: left for path, left in undeclared.items() if left} == {}


def test_core_imports_nothing_from_an_extra_at_its_top(project: dict[str, Any]) -> None:
    core = names(declared(project))
    files = [path for path in FILES if path.relative_to(SOURCE).parts[0].removesuffix(".py") in CORE_PARTS]
    needed = {str(path.relative_to(SOURCE)): third_party(path, top_level=True) - core for path in files}
    assert {path: left for path, left in needed.items() if left} == {}


def test_nothing_declared_for_users_goes_unused(project: dict[str, Any]) -> None:
    used = set().union(*(third_party(path, top_level=False) for path in FILES))
    users = names(declared(project) + declared(project, "geo") + declared(project, "train"))
    # Reached through another library: jsonargparse by Lightning's command line, tensorboard by its logger.
    assert users - used - {"jsonargparse", "tensorboard"} == set()


def test_missing_extra_names_an_extra_that_exists(project: dict[str, Any]) -> None:
    said = {match for path in FILES for match in re.findall(r'MissingExtraError\([^)]*"(\w+)"\)', path.read_text())}
    assert said <= set(project["optional-dependencies"])


def test_one_version_everywhere(project: dict[str, Any]) -> None:
    version = project["version"]
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text()


def test_import_is_quick() -> None:
    assert best_of(3, [sys.executable, "-c", "import rs2sam2"]) < 2.0


def test_help_is_quick_and_needs_no_torch() -> None:
    assert best_of(3, [str(SCRIPTS / "rs2sam2"), "--help"]) < 0.5
    script = (
        "import sys; from rs2sam2.cli import main\n"
        "sys.argv = ['rs2sam2', '--help']\n"
        "try: main()\n"
        "except SystemExit as stop: assert not stop.code, stop.code\n"
        "heavy = {'torch', 'numpy', 'scipy', 'PIL', 'rasterio', 'lightning'} & set(sys.modules)\n"
        "sys.exit(f'imported for a help text: {sorted(heavy)}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "segment" in done.stdout


def test_wheel_carries_the_weights(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    weights = {"model.safetensors", "config.json", "tokenizer.spm", "provenance.json", "README.md"}
    assert {f"rs2sam2/weights/nano/{name}" for name in weights} <= inside
    assert {f"rs2sam2/{path.relative_to(SOURCE)}" for path in FILES} <= inside
    assert any(name.endswith("licenses/LICENSE") for name in inside)
