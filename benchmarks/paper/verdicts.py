"""A statement of the paper, and the verdict on it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from benchmarks.paper.reasons import reason_for

REPRODUCED, BEATEN, FAILED, UNTESTED = "reproduced", "beaten", "not reproduced", "not tested"
# A number counts as the paper's within a tenth of it; a percentage within ten points.
CLOSE = 0.1


@dataclass(frozen=True)
class Claim:
    """A statement of the paper and what became of it; the fields are the columns of the table."""

    where: str
    statement: str
    paper: str
    subject: str
    found: str
    verdict: str
    reason: str = ""


def judge_number(found: float, paper: float) -> str:
    """Return the verdict on an error: smaller is better."""
    if found < (1 - CLOSE) * paper:
        return BEATEN
    return REPRODUCED if found <= (1 + CLOSE) * paper else FAILED


def judge(holds: bool) -> str:
    """Return the verdict on a statement that holds or does not."""
    return REPRODUCED if holds else FAILED


def with_reason(claim: Claim) -> Claim:
    """Return a claim with the reason why it failed, if it did."""
    return replace(claim, reason=reason_for(claim.statement, claim.subject)) if claim.verdict == FAILED else claim
