# SPDX-License-Identifier: MIT
"""The list of cases. A case is a function of a house; its number is that of an assertion in the description of the protocol."""
import re

COUNT = 150
HARD = 1000  # numbers of the hard cases begin behind this
cases = []
scenes = {}  # model: script, for clients that cannot set one
waiting = {}


class NotHere(Exception):
    """A case that this machine lacks something for."""


class Case:
    def __init__(self, number, claim, run, house, why):
        self.number, self.run, self.house = number, run, house
        self.name = f"assertion {number}{f', lenient ({why})' if why else ''}: {claim}"


def assertion(number, claim, house="strict"):
    """The behaviour of the real API, or what a gateway owes: against `compat: strict`."""
    def keep(run):
        cases.append(Case(number, claim, run, house, None))
        return run
    return keep


def lenient(number, why, claim):
    """Where `compat: lenient` differs, by the ruling that `why` names."""
    def keep(run):
        cases.append(Case(number, claim, run, "lenient", why))
        return run
    return keep


def hard(claim, house="lenient"):
    """A reported failure of others, as "hard case N: ..."; lenient, because there it was met."""
    def keep(run):
        case = Case(HARD + int(re.search(r"\d+", claim)[0]), claim, run, house, None)
        case.name = claim
        cases.append(case)
        return run
    return keep


def pending(why, *numbers):
    """Assertions of a capability that comes later."""
    for number in numbers:
        waiting[number] = why
