# SPDX-License-Identifier: GPL-3.0-or-later
"""Searching a body for a regular expression, in a time that no server can stretch.

Owns the search. Must never backtrack, nor keep a body.

Why not `re`: it backtracks, so that even `a*b` takes seconds on 64 KiB of the letter a, which a
hostile server may send, and nothing can interrupt it inside a process. Here all ways through the
pattern are followed at once (Thompson's construction, the sets of places kept as a DFA that is
built when needed): each byte is looked at once. What cannot be done that way, backreferences and
look-around, is not in the language (`pattern_parser.py`). Matching is on bytes, so the body needs
no decoding.
"""

from __future__ import annotations

from functools import lru_cache

from lvs_agent.core.checks import BodyPattern
from lvs_agent.core.health.pattern_parser import Assertion, Program, compile_pattern

# States kept of one pattern, 2 KiB each. When there are more all are forgotten and made anew.
STATES_LIMIT = 256
# Places visited while making states, in one body: about 0.15 s. A pattern of the usual kind needs
# some thousands however long the body is; what exceeds this forgets its states again and again.
WORK_LIMIT = 300_000

_NEWLINE = 10
_WORD = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz")
# Beside the bytes: the place before the first and behind the last one.
_OUTSIDE = -1


class _State:
    """The places reached so far, after a byte of the kind `before`; `next` by the byte to come."""

    __slots__ = ("before", "next", "places")

    def __init__(self, places: frozenset[int], before: int) -> None:
        self.places = places
        self.before = before
        self.next: list[_State | None] = [None] * 256


# Found: every byte leads back to it.
_FOUND = _State(frozenset(), _OUTSIDE)
_FOUND.next = [_FOUND] * 256


class Matcher:
    """A pattern with the states that its searches have needed so far."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._states: dict[tuple[frozenset[int], int], _State] = {}
        self.first = self._state(frozenset(), _OUTSIDE)

    def step(self, state: _State, byte: int) -> tuple[_State, int]:
        """The state after `byte`, and the places visited for it."""
        reached, visited = self._reach(state, byte)
        program = self._program
        if program.accept in reached:
            following = _FOUND
        else:
            bit = 1 << byte
            places = frozenset(
                program.following[place] for place in reached if program.bytes_of[place] & bit
            )
            following = self._state(places, _kind(byte))
        state.next[byte] = following
        return following, visited

    def accepts_end(self, state: _State) -> bool:
        """Whether the pattern is found when nothing follows."""
        return state is _FOUND or self._program.accept in self._reach(state, _OUTSIDE)[0]

    def _reach(self, state: _State, following: int) -> tuple[set[int], int]:
        """Where one can be without taking a byte, when `following` is the byte to come."""
        program = self._program
        # A match may begin anywhere.
        waiting = [program.start, *state.places]
        reached: set[int] = set()
        while waiting:  # each place once
            place = waiting.pop()
            if place in reached:
                continue
            reached.add(place)
            assertion = program.assertions.get(place)
            if assertion is None or _holds(assertion, state.before, following):
                waiting.extend(program.branches.get(place, ()))
        return reached, len(reached)

    def _state(self, places: frozenset[int], before: int) -> _State:
        key = places, before
        state = self._states.get(key)
        if state is None:
            if len(self._states) >= STATES_LIMIT:
                # The states still in use live on with their searches; they lead to new ones.
                for old in self._states.values():
                    old.next = [None] * 256
                self._states.clear()
            state = self._states[key] = _State(places, before)
        return state


def _kind(byte: int) -> int:
    """What of the byte before a place an assertion can ask: newline, word or other."""
    if byte == _NEWLINE:
        return _NEWLINE
    return ord("w") if byte in _WORD else 0


def _holds(assertion: Assertion, before: int, following: int) -> bool:
    match assertion:
        case Assertion.START:
            return before == _OUTSIDE
        case Assertion.END:
            return following == _OUTSIDE
        case Assertion.LINE_START:
            return before in (_OUTSIDE, _NEWLINE)
        case Assertion.LINE_END:
            return following in (_OUTSIDE, _NEWLINE)
        case Assertion.WORD_EDGE:
            return (before == ord("w")) != (following in _WORD)
        case Assertion.NO_WORD_EDGE:
            return (before == ord("w")) == (following in _WORD)


class Search:
    """One body, in pieces of any size. `exhausted`: given up, WORK_LIMIT is spent."""

    __slots__ = ("_matcher", "_state", "_work", "exhausted")

    def __init__(self, matcher: Matcher) -> None:
        self._matcher = matcher
        self._state = matcher.first
        self._work = 0
        self.exhausted = False

    def feed(self, data: bytes) -> None:
        """Look at the next bytes."""
        state = self._state
        if state is _FOUND or self.exhausted:
            return
        step = self._matcher.step
        for byte in data:
            following = state.next[byte]
            if following is None:
                following, visited = step(state, byte)
                self._work += visited
                if self._work > WORK_LIMIT:
                    self.exhausted = True
                    break
            state = following
        self._state = state

    def found(self) -> bool:
        """Whether the pattern is in what was fed, if nothing follows."""
        return self._matcher.accepts_end(self._state)


@lru_cache(maxsize=64)
def matcher(pattern: BodyPattern) -> Matcher:
    """The matcher of a pattern that the configuration accepted; shared by all its checks."""
    return Matcher(compile_pattern(pattern))
