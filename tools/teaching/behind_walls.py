"""python behind_walls.py WALLS COMMAND …: run a command where it finds nothing but what it needs.

It is started by `walls.command` in namespaces of its own (users, mounts, network, processes), with `WALLS` as JSON:

    root      an empty folder, on which the new file system is put together
    readable  paths that can be read, at their own place
    writable  folders that can be written as well
    memory    bytes that a process may have
    seconds   of computing that a process may use

Everything else does not exist for the command: no other folder, process or network. It may write to /tmp, which is
gone afterwards. It has no privileges left with which it could change that. Standard library only.
"""

import ctypes
import fcntl
import json
import os
import platform
import resource
import signal
import socket
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
# numbers from <linux/mount.h>, <linux/prctl.h>, <linux/securebits.h>; for two calls without a wrapper <asm/unistd.h>
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC = 2, 4, 4096, 16384
AT_FDCWD, AT_RECURSIVE, READ_ONLY, MNT_DETACH = -100, 0x8000, 1, 2
PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_NO_NEW_PRIVS, NO_ROOT_AND_LOCKED = 24, 28, 38, 0b11
MOUNT_SETATTR, PIVOT_ROOT = 442, {"x86_64": 155, "aarch64": 41}.get(platform.machine(), -1)
TEMPORARY = {"/tmp": "size=1g,mode=1777", "/dev/shm": "size=1g,mode=1777"}
DEVICES = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"]
LARGEST_FILE, PROCESSES = 2**30, 1000


def call(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)}: {what}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    parts = [part.encode() for part in (source, target, kind)]
    call(LIBC.mount(*parts, ctypes.c_ulong(flags), options.encode()), f"mount {source or kind} on {target}")


def make_read_only(target: str, flags: int) -> None:
    attributes = struct.pack("QQQQ", READ_ONLY, 0, 0, 0)
    result = LIBC.syscall(MOUNT_SETATTR, AT_FDCWD, target.encode(), flags, attributes, ctypes.c_size_t(len(attributes)))
    call(result, f"make {target} read-only")


def build(walls: dict) -> None:
    """Put the new file system together and make it the only one."""
    root = walls["root"]
    mount("walls", root, "tmpfs", MS_NOSUID | MS_NODEV, "size=16m,mode=755")
    for path, options in TEMPORARY.items():
        os.makedirs(root + path)
        mount("walls", root + path, "tmpfs", MS_NOSUID | MS_NODEV, options)
    os.makedirs(f"{root}/proc")
    mount("proc", f"{root}/proc", "proc", MS_NOSUID | MS_NODEV)
    os.symlink("/proc/self/fd", f"{root}/dev/fd")
    for path in DEVICES:
        show(root, path)
    for path in walls["readable"]:
        if show(root, path):
            make_read_only(root + path, AT_RECURSIVE)
    for path in walls["writable"]:
        show(root, path)
    make_read_only(root, 0)
    os.chdir(root)
    call(LIBC.syscall(PIVOT_ROOT, b".", b"."), "change the root folder")
    call(LIBC.umount2(b".", MNT_DETACH), "leave the old root folder")
    os.makedirs(os.environ["HOME"], exist_ok=True)
    os.chdir(os.environ["HOME"])


def show(root: str, path: str) -> bool:
    """Let `path` appear below `root`; a link stays one. Returns whether it has been mounted there."""
    place = root + path
    os.makedirs(os.path.dirname(place), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), place)
        return False
    if os.path.isdir(path):
        os.makedirs(place, exist_ok=True)
    else:
        open(place, "a").close()
    mount(path, place, flags=MS_BIND | MS_REC)
    return True


def switch_on_loopback() -> None:
    with socket.socket() as network:  # SIOCSIFFLAGS, IFF_UP | IFF_RUNNING
        fcntl.ioctl(network, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))


def limit(walls: dict) -> None:
    """What is left cannot be widened again, not even by a program that could otherwise become root."""
    limits = {
        resource.RLIMIT_DATA: walls["memory"],
        resource.RLIMIT_CPU: walls["seconds"],
        resource.RLIMIT_FSIZE: LARGEST_FILE,
        resource.RLIMIT_NPROC: PROCESSES,
        resource.RLIMIT_CORE: 0,
    }
    for what, most in limits.items():
        allowed = resource.getrlimit(what)[1]
        most = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(what, (most, most))
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")  # if memory runs out all the same, the system ends this one first
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    for capability in range(last + 1):
        call(LIBC.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0), f"give up capability {capability}")
    call(LIBC.prctl(PR_SET_SECUREBITS, NO_ROOT_AND_LOCKED, 0, 0, 0), "give up the rights of root")
    call(LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "gain no new rights")


def main() -> int:
    walls, command = json.loads(sys.argv[1]), sys.argv[2:]
    build(walls)
    switch_on_loopback()
    child = os.fork()  # process 1 of a namespace cannot be killed from inside: it only waits
    if child == 0:
        limit(walls)
        os.environ.pop("JPY_PARENT_PID", None)  # a process outside, for which a kernel would look in vain
        os.execv(command[0], command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        ended, status = os.wait()
        if ended == child:
            return os.waitstatus_to_exitcode(status) & 255


if __name__ == "__main__":
    sys.exit(main())
