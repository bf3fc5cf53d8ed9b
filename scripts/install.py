"""Set up `.venv` from a lock file, then the package itself, editable. Needs Python 3.11 and nothing else.

    python3.11 scripts/install.py [--dev]

Every package is pinned with its hashes, the build backend too, so the build of Offhook itself fetches
nothing. When neither the lock nor pyproject.toml changed since the last run, this returns at once.
"""

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = {"run": ROOT / "requirements.lock", "dev": ROOT / "requirements-dev.lock"}


def fingerprint(lock: Path) -> str:
    digest = hashlib.sha256(str(ROOT).encode())
    for file in (lock, ROOT / "pyproject.toml"):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def make_venv() -> None:
    try:
        venv.create(VENV, with_pip=True, upgrade_deps=False)
    except subprocess.CalledProcessError:
        shutil.rmtree(VENV, ignore_errors=True)
        sys.exit("This Python cannot make a virtual environment; on Debian: apt-get install python3-venv")


def pip(*arguments: str) -> None:
    command = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *arguments]
    if subprocess.run(command, cwd=ROOT).returncode:
        sys.exit("pip could not install Offhook's packages; its message is above. Nothing else was changed.")


def install(kind: str) -> None:
    lock = LOCKS[kind]
    stamp = VENV / f"installed-{kind}"
    current = fingerprint(lock)
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == current:
        return
    if not PYTHON.exists():
        make_venv()
    packages = sum("==" in line for line in lock.read_text().splitlines())
    print(f"Installing {packages} packages into .venv; this takes a minute or two, once ...", flush=True)
    pip("--require-hashes", "--requirement", str(lock))
    pip("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    stamp.write_text(current)


if __name__ == "__main__":
    if sys.version_info < (3, 11):  # noqa: UP036 - this file is what an older Python runs to be told so
        sys.exit(f"Offhook needs Python 3.11 or newer, and this is {sys.version.split()[0]}. Set PYTHON.")
    install("dev" if "--dev" in sys.argv[1:] else "run")
