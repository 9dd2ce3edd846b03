"""python without_network.py COMMAND …: run a command where only the loopback interface exists.

Linux only (a network namespace). Elsewhere, or where the system forbids it, the command runs as it is, and a line
says so.
"""

import os
import shutil
import subprocess
import sys

# A fresh namespace's loopback is down. `ip` may be missing, so Python raises it: SIOCSIFFLAGS, IFF_UP | IFF_RUNNING.
LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
with socket.socket() as s:
    fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))
os.environ["COURSE_TEST_NETWORK"] = "loopback only"
os.execvp(sys.argv[1], sys.argv[1:])
"""
NAMESPACE = ["unshare", "--map-root-user", "--net", sys.executable, "-c", LOOPBACK_UP]

command = sys.argv[1:]
possible = shutil.which("unshare") and not subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode
if possible:
    command = NAMESPACE + command
else:
    print("note: no network namespace to be had here, the tests run with the network as it is", flush=True)
if os.name == "nt":
    sys.exit(subprocess.run(command).returncode)
os.execvp(command[0], command)
