# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st
from lvs_agent.adapters.digest import sha256_hex


@given(data=st.binary(max_size=300))
def test_digest_is_that_of_hashlib(data: bytes) -> None:
    assert sha256_hex(data) == hashlib.sha256(data).hexdigest()


def test_the_agent_runs_without_openssls_library() -> None:
    """It would cost every director 3.5 MiB."""
    code = "import sys; sys.path[:0] = sys.argv[1].split(':'); import lvs_agent.cli.run; "
    code += "from lvs_agent.proc import ha, health, kernel, supervisor, track; "
    code += "from lvs_agent.adapters.digest import sha256_hex; sha256_hex(b''); "
    code += "print(*(name for name in ('_hashlib', '_ssl') if name in sys.modules))"
    path = ":".join(each for each in sys.path if each)
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, path], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
