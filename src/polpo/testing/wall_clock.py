"""A wall clock that jumps, for one process: libfaketime, told by a file how far off it is."""

from pathlib import Path


class WallClock:
    """`environment` is for the process; `jump` moves what it believes the date to be.

    Its monotonic clock goes on as it does: that is what jumps are about.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "wall-clock"
        self.jump(0)
        self.environment = {
            "LD_PRELOAD": str(next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, days: int) -> None:
        """So many days away from the real date."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{days:+d}d")
        new.replace(self._file)
