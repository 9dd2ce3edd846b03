"""What a test needs of the machine, as marks: `@needs.fork`. Where it is missing, the test is skipped by this reason.

No test is skipped for any other reason (tests/test_package.py), but those of a browser: see `chromium_path` in
tests/conftest.py.
"""

import os
import sys

import pytest
import torch

fork = pytest.mark.skipif(
    sys.platform != "linux", reason="forks: Windows cannot, and macOS not safely once torch has started threads"
)
posix = pytest.mark.skipif(os.name == "nt", reason="needs signals and limits of file sizes, which Windows lacks")
replaceable_files = pytest.mark.skipif(os.name == "nt", reason="Windows does not replace a file that is in use")
torchrun = pytest.mark.skipif(
    sys.platform != "linux", reason="torchrun needs libuv, which torch for Windows lacks, and a host name that resolves"
)
links = pytest.mark.skipif(os.name == "nt", reason="Windows makes links for administrators only")
names_of_bytes = pytest.mark.skipif(sys.platform != "linux", reason="names on Windows and macOS are text")
namespaces = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has walls around student code")
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
loopback_only = pytest.mark.skipif(
    os.environ.get("COURSE_TEST_NETWORK") != "loopback only", reason="not run through tests/helpers/without_network.py"
)
