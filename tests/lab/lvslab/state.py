# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab remembers on disk between two commands, and the lock around changes.

Owns CACHE/run/NAME/lab.json and NAME.lock. The truth about processes, links and
cuts is never here: it is asked from the system.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lvslab import topology
from lvslab.errors import LabError
from lvslab.image import Image
from lvslab.paths import LabPaths

_LOCK_TIMEOUT_S = 300.0  # longer than any up or down takes


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A lab that has been brought up."""

    topology: topology.Topology
    text: str
    image: Image


def save(paths: LabPaths, name: str, text: str, image: Image) -> None:
    """Remember the topology (its TOML `text`) and the image of a lab."""
    paths.run.mkdir(parents=True, exist_ok=True)
    document = {"name": name, "topology": text, "image": image.recipe}
    new = paths.state.with_suffix(".new")
    new.write_text(json.dumps(document, indent=1), encoding="utf-8")
    os.replace(new, paths.state)


def load(paths: LabPaths) -> State | None:
    """The remembered lab, or None if there is none. Raises LabError for a damaged file."""
    try:
        document = json.loads(paths.state.read_text(encoding="utf-8"))
        parsed = topology.parse(
            document["topology"], name=document["name"], source=str(paths.state)
        )
        recipe = str(document["image"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"{paths.state}: damaged ({error}); run `lab down` and `lab up`") from error
    image = Image(recipe=recipe, folder=paths.cache / "images" / recipe)
    return State(topology=parsed, text=document["topology"], image=image)


def images_in_use(cache: Path) -> set[str]:
    """Recipes of the images that labs of this cache boot from."""
    used = set()
    for path in (cache / "run").glob("*/lab.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            used.add(str(json.loads(path.read_text(encoding="utf-8"))["image"]))
    return used


@contextmanager
def locked(paths: LabPaths) -> Iterator[None]:
    """Hold the lab's lock: one change of hosts at a time. Raises LabError after 5 minutes."""
    paths.lock.parent.mkdir(parents=True, exist_ok=True)
    with paths.lock.open("w", encoding="ascii") as handle:
        deadline = time.monotonic() + _LOCK_TIMEOUT_S
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LabError(
                        f"another command works on lab {paths.name} for {_LOCK_TIMEOUT_S:g} s"
                        f" ({paths.lock})"
                    ) from None
                time.sleep(0.1)
        yield
