"""Which of several rules decides: those of the admin's tier first, in their order. Pure.

A rule of the admin's tier allows, denies, or passes on: then none after it in that tier counts.
Then come the baseline's, and last those without a tier, which only allow. (Whom others' policies
isolate is in none of the baseline's groups: so these give way.) In each tier the least order is the
first, and of equal ones the one that denies. What no rule is about is denied.
"""

import enum
from collections.abc import Iterable

from polpo.target.rows import ADMIN, BASELINE, Rule


class Action(enum.IntEnum):
    """Of a verdict: the last two bits, after the rule's place among all."""

    DENIES = 0
    ALLOWS = 1
    PASSES = 2  # on to the next tier


Verdict = tuple[int, int]
"""The first word of the admin's tier, and of the rest: order << 2 | action; the least is first."""

UNSAID = 0xFFFFFFFF
LAST = (1 << 30) - 1
SILENCE: Verdict = (UNSAID, UNSAID)
PLAIN: Verdict = (Action.ALLOWS, UNSAID)
"""Of rules that all allow, whatever their tiers: none comes before it."""

ACTIONS = {"allow": Action.ALLOWS, "deny": Action.DENIES, "pass": Action.PASSES}


def is_plain(rule: Rule) -> bool:
    return rule.action == "allow"


def verdict_of(rule: Rule) -> Verdict:
    """What one rule says; what the baseline passes on may pass: nobody isolates there."""
    action = ACTIONS[rule.action]
    if rule.tier == ADMIN:
        return rule.order << 2 | action, UNSAID
    if rule.tier == BASELINE and action == Action.PASSES:
        action = Action.ALLOWS
    return UNSAID, (rule.order if rule.tier else LAST) << 2 | action


def first(*verdicts: Verdict) -> Verdict:
    """That of several together."""
    return min(admin for admin, _ in verdicts), min(rest for _, rest in verdicts)


def deciding(verdicts: Iterable[Verdict]) -> int:
    """Which of a verdict's two words counts: the admin's, if it does not pass on."""
    admin, _ = first(SILENCE, *verdicts)
    return 0 if admin & 3 in (Action.ALLOWS, Action.DENIES) else 1


def allowed(rules: Iterable[Rule]) -> bool:
    """What those rules of a policy that are about a packet decide."""
    verdicts = [SILENCE, *map(verdict_of, rules)]
    return first(*verdicts)[deciding(verdicts)] & 3 == Action.ALLOWS
