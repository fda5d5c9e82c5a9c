"""Real parallel text from package registries: downloaded once into a folder, unpacked without being installed.

Debian's `libreoffice-help-*` (MPL-2.0, some LGPL-3+) and `firefox-esr-l10n-*` (MPL-2.0), and Django from PyPI
(BSD-3-Clause). It knows packages, not what is in them.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

DEBIAN = (
    *(f"libreoffice-help-{language}" for language in ("tr", "fr", "en-us", "de", "es")),
    "firefox-esr-l10n-tr",
    "firefox-esr-l10n-fr",
)
DJANGO = "django>=5.2,<6"


class PackageError(OSError):
    """A package could not be had; the message says which command to run by hand."""


def unpacked(cache: Path) -> Path:
    """The folder that holds the packages' files, filled on the first call (about 250 MB).

    Raises:
        PackageError: no Debian tools here, or a registry that does not answer.
    """
    root, done = cache / "packages", cache / "packages" / ".complete"
    if done.exists():
        return root
    downloads = cache / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        raise PackageError(f"the bench reads Debian packages ({', '.join(DEBIAN)}): run it on Debian or Ubuntu")
    if any(not list(downloads.glob(f"{name}_*.deb")) for name in DEBIAN):
        _run(["apt-get", "download", *DEBIAN], downloads)
    for package in sorted(downloads.glob("*.deb")):
        _run(["dpkg", "-x", str(package), str(root)], downloads)
    if not list(downloads.glob("django-*.whl")):
        _run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", ".", DJANGO], downloads)
    for wheel in downloads.glob("django-*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            catalogues = [name for name in archive.namelist() if name.endswith(".po")]
            archive.extractall(root / "django", catalogues)
    done.touch()
    return root


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackageError(f"in {folder}, `{' '.join(command)}` failed:\n{done.stderr.strip()}")
