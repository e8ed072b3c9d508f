"""What the switch asks of the kernel's verifier."""

import ctypes

import pytest
from tests.dataplane.rig import Rig

from polpo.kernel.libbpf import checked, lib

MOST = 1_000_000  # instructions that the kernel looks at before it gives up (BPF_COMPLEXITY_LIMIT)
VERIFIED_AT = 216  # verified_insns in struct bpf_prog_info (linux/bpf.h, since 5.16)


@pytest.mark.parametrize("program", ["from_port", "from_overlay"])
def test_the_switch_stays_far_below_the_verifiers_limit(rig: Rig, program: str) -> None:
    """So that it loads in an instant, and on kernels that look at more than this one does."""
    info = ctypes.create_string_buffer(VERIFIED_AT + 4)
    size = ctypes.c_uint32(len(info))
    fd = rig.switch.programs[program].fd
    checked(lib.bpf_obj_get_info_by_fd(fd, info, ctypes.byref(size)), "describe")
    looked_at = int.from_bytes(info.raw[VERIFIED_AT:], "little")
    assert 1000 < looked_at < MOST // 5
