# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the commands of a document, and comparing what they print."""

from __future__ import annotations

import document
from document import Step

PAGE = """# Page

```sh
echo a
echo b
```
```text
a
b
```

Words.

```sh fails
false
```
```yaml
not: run
```
"""


def test_shell_blocks_come_in_order_with_what_they_print() -> None:
    assert document.steps(PAGE) == [
        Step(line=3, commands="echo a\necho b\n", fails=False, printed=("a", "b")),
        Step(line=14, commands="false\n", fails=True),
    ]


def test_printed_lines_may_have_others_between_them_but_keep_their_order() -> None:
    assert document.missing(("a", "b"), "x\na\ny\n  b \n") is None
    assert document.missing(("a", "b"), "b\na\n") == "b"
    assert document.missing(("a",), "") == "a"


def test_fractions_may_differ_and_addresses_may_not() -> None:
    assert document.missing(("took 1.5 s",), "took 22.75 s") is None
    assert document.missing(("172.16.1.3:80",), "172.16.1.4:80") == "172.16.1.3:80"
    assert document.missing(("10.99.0.1",), "10.99.0.2") == "10.99.0.1"
