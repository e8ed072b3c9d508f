"""What kubelet sets for the whole machine, so that the lab can set it back."""

import json
from pathlib import Path

from polpo.lab.kubernetes.layout import Kubernetes
from polpo.lab.secrets import write_private

NAMES = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")
OF_KUBELET = dict(zip(NAMES, ("1", "0", "10", "1"), strict=True))
PROC = Path("/proc/sys")


def keep(kubernetes: Kubernetes) -> None:
    """As they are before the first kubelet runs; another lab's has set them, it sets them back."""
    if _file(kubernetes).exists():
        return
    found = {name: (PROC / name).read_text().strip() for name in NAMES}
    if found != OF_KUBELET:
        write_private(_file(kubernetes), json.dumps(found))


def put_back(kubernetes: Kubernetes) -> None:
    if _file(kubernetes).exists():
        for name, value in json.loads(_file(kubernetes).read_text()).items():
            (PROC / name).write_text(value)


def _file(kubernetes: Kubernetes) -> Path:
    return kubernetes.folder / "sysctls.json"
