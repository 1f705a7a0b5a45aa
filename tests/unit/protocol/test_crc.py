"""The checksum's extension, loaded without its package."""

from __future__ import annotations

import subprocess
import sys

import crc32c as package

from streamkit.log.protocol.crc import crc32c


def test_it_is_the_packages_function() -> None:
    for data in (b"", b"123456789", bytes(range(256)) * 1000):
        assert crc32c(data) == package.crc32c(data)
        assert crc32c(data, 7) == package.crc32c(data, 7)
    assert crc32c(b"123456789") == 0xE3069283


def test_package_stays_usable_before_and_after() -> None:
    ours, theirs = "from streamkit.log.protocol.crc import crc32c", "import crc32c as package"
    check = "assert crc32c is package.crc32c"
    for order in ((ours, theirs), (theirs, ours)):
        program = "\n".join([*order, check])
        done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
        assert done.returncode == 0, done.stderr


def test_package_isn_t_imported_for_it() -> None:
    program = "import sys, streamkit.log.protocol.crc; assert 'crc32c' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
