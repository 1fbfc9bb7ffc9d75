# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller side of `real_server`: one task does it on all directors of a cluster.

Owns the order of things: first every director has the override, then each is waited for, round
after round until all are content at once, because an address may move meanwhile. The module does
the work on each of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.lvs.cluster.plugins.plugin_utils import _elsewhere

_MODULE = "lvs.cluster.real_server"
_OURS = ("directors", "on_unreachable")
_RETRIES, _INTERVAL_S = 120, 1.0

Result = dict[str, Any]
# Runs the module on a director with other arguments beside the task's own.
Run = Callable[[str, dict[str, Any]], Result]


class Failed(Exception):
    """The task is over; `result` says why."""

    def __init__(self, msg: str, results: dict[str, Result]) -> None:
        super().__init__(msg)
        self.results = results


class Everywhere:
    """One order on many directors."""

    def __init__(self, run: Run, arguments: dict[str, Any], *, check_mode: bool) -> None:
        self._run = run
        self._check_mode = check_mode
        self._state = arguments.get("state")
        self._drains = boolean(arguments.get("drain", False), strict=False)
        self._waits = self._drains or boolean(arguments.get("wait", False), strict=False)
        self._goes_on = arguments.get("on_timeout") == "continue"
        self._skips = arguments.get("on_unreachable") == "continue"
        self._timeout_s = _timeout_s(arguments)
        self.results: dict[str, Result] = {}
        self.unreachable: dict[str, str] = {}

    def carry_out(self, directors: list[str]) -> Result:
        """The order on all of them, and the waiting; the task's result. Raises Failed."""
        started = time.monotonic()
        late = None
        # Of what is to be disabled after a drain, every director drains first.
        if self._state == "disabled" and self._drains and not self._check_mode:
            drained = self._order(directors, {"state": "drain"})
            late = self._wait(drained, "drain", started)
            before = {name: one["state_before"] for name, one in self.results.items()}
            done = {name for name, one in self.results.items() if one["changed"]}
            self._order(drained, {})
            for name, one in self.results.items():
                one["state_before"] = before.get(name, one["state_before"])
                one["changed"] = one["changed"] or name in done
        else:
            reached = self._order(directors, {})
            if self._waits and not self._check_mode and self._state != "disabled":
                late = self._wait(reached, self._state, started)
        return self._result(late, time.monotonic() - started)

    def _order(self, directors: list[str], other: dict[str, Any]) -> list[str]:
        """Give it to each; those that have it. What fails on one does not keep it from others."""
        failed: dict[str, str] = {}
        for name in directors:
            try:
                one = self._run(name, {"wait": False, "drain": False} | other)
            except AnsibleConnectionFailure as error:
                self.unreachable[name] = str(error)
                continue
            if one.get("agent_unreachable") or one.get("unreachable"):
                self.unreachable[name] = str(one.get("msg"))
            elif one.get("failed"):
                failed[name] = str(one.get("msg"))
            else:
                self.results[name] = one
        self._look_at(failed)
        return [name for name in directors if name in self.results]

    def _look_at(self, failed: dict[str, str]) -> None:
        """Raise Failed unless all is as it is to be."""
        words = [f"{name}: {why}" for name, why in failed.items()]
        if self.unreachable and not (self._skips and self.results):
            words += [f"{name} is unreachable: {why}" for name, why in self.unreachable.items()]
        if not words:
            return
        done = ", ".join(name for name in self.results if name not in failed)
        if done and not self._check_mode:
            words.append(f"it is done on {done}")
        raise Failed("; ".join(words), self.results)

    def _wait(self, directors: list[str], state: str | None, started: float) -> str | None:
        """Until all are content in one round; what is still missing at the end of the time, if
        that is to be borne. A round asks each until it is content."""
        deadline = started + self._timeout_s
        while True:
            waited = False
            for name in directors:
                left_s = max(0.0, deadline - time.monotonic())
                patience = {"wait": True, "timeout": left_s, "on_timeout": "continue"}
                try:
                    one = self._run(name, {"drain": False, "state": state} | patience)
                except AnsibleConnectionFailure as error:
                    one = {"unreachable": True, "msg": str(error)}
                if one.get("agent_unreachable") or one.get("unreachable"):
                    self.unreachable[name] = str(one.get("msg"))
                    self._look_at({})
                    continue
                if one.get("failed"):
                    raise Failed(f"{name}: {one.get('msg')}", self.results)
                one["changed"] = self.results[name]["changed"]
                one["state_before"] = self.results[name]["state_before"]
                self.results[name] = one
                waited = waited or one["waited"] > 1
            late = [name for name in directors if self.results[name].get("timed_out")]
            if late:
                words = "; ".join(f"{name}: {self.results[name]['missing']}" for name in late)
                words = f"not within {self._timeout_s:g} s: {words}"
                if self._goes_on:
                    return words
                raise Failed(f"{words}; the order itself holds", self.results)
            if not waited:
                return None

    def _result(self, late: str | None, waited_s: float) -> Result:
        results = self.results
        warnings = [f"{name} is unreachable: {why}" for name, why in self.unreachable.items()]
        first = next(iter(results.values()))
        made: Result = {
            "changed": any(one["changed"] for one in results.values()),
            "state_before": first["state_before"],
            "state_after": first["state_after"],
            "connections": sum(one["connections"] for one in results.values()),
            "waited": round(waited_s, 2),
            "timed_out": late is not None,
            "missing": late,
            "directors": {
                **{name: _brief(one) for name, one in results.items()},
                **{name: {"unreachable": why} for name, why in self.unreachable.items()},
            },
            "diff": [
                {**one["diff"], "before_header": name, "after_header": name}
                for name, one in results.items()
                if "diff" in one
            ],
        }
        if late is not None:
            warnings.append(late)
        return made | ({"warnings": warnings} if warnings else {})


def _brief(one: Result) -> Result:
    names = ("changed", "state_before", "state_after", "connections", "timed_out")
    return {name: one[name] for name in names}


def _timeout_s(arguments: dict[str, Any]) -> float:
    if arguments.get("timeout") is not None:
        return float(arguments["timeout"])
    retries = int(arguments.get("wait_retries") or _RETRIES)
    return retries * float(arguments.get("wait_interval") or _INTERVAL_S)


class ActionModule(ActionBase):  # type: ignore[misc]
    """With `directors` the module runs on each of them, else on the task's host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: Any = None) -> Result:
        result: Result = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        directors = arguments.get("directors")
        if not directors:
            arguments.pop("directors", None)
            return result | self._execute_module(
                module_name=_MODULE, module_args=arguments, task_vars=task_vars
            )
        if isinstance(directors, str):
            directors = [name.strip() for name in directors.split(",") if name.strip()]
        wrong = self._wrong(directors, task_vars)
        if wrong:
            return result | {"failed": True, "msg": wrong}
        own = {name: value for name, value in arguments.items() if name not in _OURS}

        def run(director: str, other: dict[str, Any]) -> Result:
            with _elsewhere.on(self, director, task_vars) as variables:
                made: Result = self._execute_module(
                    module_name=_MODULE, module_args=own | other, task_vars=variables
                )
            return made

        try:
            order = Everywhere(run, arguments, check_mode=self._task.check_mode)
        except (TypeError, ValueError) as error:
            return result | {"failed": True, "msg": f"timeout, wait_interval: {error}"}
        try:
            return result | order.carry_out(list(directors))
        except Failed as error:
            found = {name: _brief(one) for name, one in error.results.items()}
            return result | {"failed": True, "msg": str(error), "directors": found}
        except AnsibleError as error:
            return result | {"failed": True, "msg": str(error)}

    def _wrong(self, directors: Any, task_vars: Any) -> str | None:
        if self._task.delegate_to is not None:
            return "directors cannot be combined with delegate_to"
        unknown = [name for name in directors if name not in task_vars["hostvars"]]
        if unknown:
            return f"directors: the inventory has no host {', '.join(unknown)}"
        return None
