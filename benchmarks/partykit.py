"""Builds PartyKit's own runtime: the Worker of ``workerd/``, run by workerd."""

import shutil
import subprocess
from pathlib import Path

from benchmarks.processes import BenchmarkError, last_line

SOURCE = Path(__file__).resolve().parent / "workerd"
INSTALLED = SOURCE / "node_modules" / ".installed"
TIMEOUT = 300.0  # seconds for npm and for the bundler

# No lock file: it would name one registry.
INSTALL = (
    *("npm", "install", "--no-package-lock", "--no-audit", "--no-fund"),
    # partyserver's only peer is a package of types.
    *("--ignore-scripts", "--silent", "--legacy-peer-deps"),
)


class WorkerBuild:
    """The bundled Worker, made when a server is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "workerd"
        self._program = ""
        self._servers = 0

    def command(self, port: int) -> list[str]:
        """
        Return the command of a server that stores in an empty folder of its own.

        Args:
            port: Where it will listen on 127.0.0.1.

        Raises:
            BenchmarkError: If npm or the bundler fails.
        """
        if not self._program:
            _install()
            self._build()
            # The command of that name is a script that starts this program, and leaves
            # it running when it is ended.
            self._program = _run("node", "-p", "require('workerd').default").strip()
        self._servers += 1
        storage = self._folder / f"storage-{self._servers}"
        storage.mkdir()
        return [
            self._program,
            *("serve", str(self._folder / "config.capnp")),
            f"--socket-addr=http=127.0.0.1:{port}",
            f"--directory-path=disk={storage}",
        ]

    def _build(self) -> None:
        _run(
            str(SOURCE / "node_modules" / ".bin" / "esbuild"),
            *("worker.js", "--bundle", "--format=esm", "--external:cloudflare:*"),
            f"--outfile={self._folder / 'worker.js'}",
            "--log-level=warning",
        )
        shutil.copy(SOURCE / "config.capnp", self._folder)


def _install() -> None:
    """Install what ``package.json`` says, unless that is done."""
    package = SOURCE / "package.json"
    if not INSTALLED.exists() or INSTALLED.stat().st_mtime < package.stat().st_mtime:
        _run(*INSTALL)
        INSTALLED.touch()


def _run(*command: str) -> str:
    """Return what a command said."""
    try:
        done = subprocess.run(
            command,
            cwd=SOURCE,
            check=True,
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.CalledProcessError as error:
        raise BenchmarkError(f"{command[0]}: {last_line(error.stderr)}") from error
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"{command[0]} took {TIMEOUT:g} s") from error
    return done.stdout
