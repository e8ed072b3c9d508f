"""The agent of a host: `polpo agent --config FILE`.

SIGTERM ends the process and leaves the switch forwarding; --purge removes all that it made.
"""

import argparse
import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import structlog

from polpo.agent.assembly import Agent
from polpo.agent.config import Config, load
from polpo.agent.plugs import SpoiltPlugs
from polpo.agent.purge import purge
from polpo.kernel import processes
from polpo.runtime import garbage, log

END_S = 2.0  # after SIGTERM


async def run(config: Config) -> None:
    """Runs until SIGTERM or SIGINT. Traffic goes on without us."""
    config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    config.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(config.runtime / "agent.lock"):
        agent = Agent(config)
        task = asyncio.create_task(agent.run())
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, _end, task)
        structlog.get_logger("polpo.agent").info(
            "agent runs", host=config.host, revision=agent.target.revision
        )
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _end(task: "asyncio.Task[None]") -> None:
    """There is nothing to clean up, so nobody is waited for long."""
    task.cancel()
    asyncio.get_running_loop().call_later(END_S, os._exit, 0)


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two agents would repair each other's work for ever."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise SystemExit(f"another agent of this host runs ({path} is locked)") from None
    finally:
        os.close(handle)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="polpo agent", description=__doc__)
    parser.add_argument("--config", type=Path, help="TOML file; see polpo.agent.config")
    parser.add_argument("--purge", action="store_true", help="remove all that the agent made")
    parser.add_argument("--log-level", default="info")
    for field in msgspec.structs.fields(Config):
        parser.add_argument(f"--{field.name.replace('_', '-')}", default=None)
    arguments = vars(parser.parse_args(argv))
    log.set_up(arguments.pop("log_level"))
    purging = arguments.pop("purge")
    try:
        config = load(arguments.pop("config"), **arguments)
    except (OSError, ValueError) as e:
        print(f"polpo agent: {e}", file=sys.stderr)
        return 2
    garbage.unhurried()
    processes.have_files()
    if purging:
        _purge(config)
        return 0
    try:
        asyncio.run(run(config))
    except SpoiltPlugs as e:
        print(f"polpo agent: {e}", file=sys.stderr)
        return 1
    return 0


def _purge(config: Config) -> None:
    config.runtime.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _alone(config.runtime / "agent.lock"):
        purge(config)


if __name__ == "__main__":
    sys.exit(main())
