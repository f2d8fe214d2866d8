"""Puts a container's seccomp profile on itself, then becomes another program or shows what is refused.

    confined.py PROFILE exec PROGRAM ARGUMENT...    as a container runtime would start it, with no new privileges
    confined.py PROFILE probe NAME...               makes each system call with no arguments; prints its name and errno
    confined.py PROFILE --without NAME[,NAME] ...   the profile as it would be without these

Reads the same fields that Docker, containerd and CRI-O read, through the libseccomp they use. Ends with 77 where
the machine has no libseccomp or no seccomp.
"""

import ctypes
import ctypes.util
import errno
import json
import os
import platform
import sys

SKIP = 77
ALLOW = 0x7FFF0000
COMPARE = {"SCMP_CMP_NE": 1, "SCMP_CMP_LT": 2, "SCMP_CMP_LE": 3, "SCMP_CMP_EQ": 4, "SCMP_CMP_GE": 5,
           "SCMP_CMP_GT": 6, "SCMP_CMP_MASKED_EQ": 7}
ARCHITECTURES = {"x86_64": "SCMP_ARCH_X86_64", "aarch64": "SCMP_ARCH_AARCH64"}
# Without arguments all of these fail in one way or another, so that calling them harms nothing.
PROBES = {
    "x86_64": {"mount": 165, "ptrace": 101, "unshare": 272, "bpf": 321, "init_module": 175, "kexec_load": 246,
               "keyctl": 250, "chmod": 90, "unlink": 87, "io_uring_setup": 425, "openat": 257, "clone3": 435},
    "aarch64": {"mount": 40, "ptrace": 117, "unshare": 97, "bpf": 280, "init_module": 105, "kexec_load": 104,
                "keyctl": 219, "io_uring_setup": 425, "openat": 56, "clone3": 435},
}


class Comparison(ctypes.Structure):
    _fields_ = [("index", ctypes.c_uint), ("op", ctypes.c_int), ("one", ctypes.c_uint64), ("two", ctypes.c_uint64)]


def action(name, number):
    """libseccomp's number of an action; only the two that the profile uses."""
    return {"SCMP_ACT_ALLOW": ALLOW, "SCMP_ACT_ERRNO": 0x00050000 | number}[name]


def succeeded(result, what):
    if result < 0:
        sys.exit(f"{what}: {os.strerror(-result)}")


def load(profile, without):
    name = ctypes.util.find_library("seccomp") or "libseccomp.so.2"
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        print(f"skipped: {error}")
        sys.exit(SKIP)
    library.seccomp_init.restype = ctypes.c_void_p
    # Runtimes add the architectures a profile names to their own; here its own must be among them.
    if ARCHITECTURES[platform.machine()] not in profile["architectures"]:
        sys.exit("the profile does not name this architecture")
    default = action(profile["defaultAction"], profile.get("defaultErrnoRet", errno.EPERM))
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(default)))
    for rule in profile["syscalls"]:
        add(library, context, rule, without)
    result = library.seccomp_load(context)
    if result == -errno.EINVAL or result == -errno.ENOSYS:
        print("skipped: the kernel has no seccomp filters")
        sys.exit(SKIP)
    succeeded(result, "load")


def add(library, context, rule, without):
    answer = action(rule["action"], rule.get("errnoRet", errno.EPERM))
    compared = [
        Comparison(one["index"], COMPARE[one["op"]], one["value"], one.get("valueTwo", 0)) for one in rule.get("args", [])
    ]
    for name in rule["names"]:
        number = library.seccomp_syscall_resolve_name(name.encode())
        # Unknown to this libseccomp, or not of this architecture: runtimes leave such names out too.
        if name in without or number < 0:
            continue
        array = (Comparison * max(len(compared), 1))(*compared)
        result = library.seccomp_rule_add_array(
            context, ctypes.c_uint32(answer), number, ctypes.c_uint(len(compared)), array)
        succeeded(result, name)


def probe(names):
    libc = ctypes.CDLL(None, use_errno=True)
    numbers = PROBES[platform.machine()]
    for name in names:
        if name not in numbers:
            continue
        ctypes.set_errno(0)
        libc.syscall(numbers[name], 0, 0, 0, 0, 0, 0)
        print(name, errno.errorcode.get(ctypes.get_errno(), "none"))


def main():
    arguments = sys.argv[1:]
    with open(arguments.pop(0), encoding="utf-8") as file:
        profile = json.load(file)
    without = set()
    if arguments[0] == "--without":
        without = set(arguments[1].split(","))
        del arguments[:2]
    load(profile, without)
    if arguments[0] == "exec":
        os.execv(arguments[1], arguments[1:])
    probe(arguments[1:])


main()
