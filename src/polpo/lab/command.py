"""Other people's programs, run as a user would run them."""

import subprocess
import time
from collections.abc import Callable


class CommandFailed(Exception):
    """The command line and what it said."""


def run(*words: str, stdin: str | None = None, timeout_s: float = 60) -> str:
    """What it printed. Raises CommandFailed."""
    done = subprocess.run(
        words, input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()
        raise CommandFailed(f"{' '.join(words)}: {said or f'exit code {done.returncode}'}")
    return done.stdout


def attempt(*words: str, timeout_s: float = 60) -> tuple[int, str]:
    """Exit code and what it printed: for commands that are expected to fail at times."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout_s, check=False)
    return done.returncode, done.stdout + done.stderr


def inside(netns: str, *words: str) -> tuple[str, ...]:
    """The command in a network namespace; only the network differs (`ip netns exec` hides /sys)."""
    return ("nsenter", f"--net=/run/netns/{netns}", "--", *words)


def meanwhile(words: tuple[str, ...], seconds: float, harm: Callable[[], object]) -> str:
    """What a program prints that runs for so long, from before the harm until after it."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    time.sleep(seconds / 3)
    harm()
    said, _ = process.communicate(timeout=60)
    return said
