"""`python -m benchmarks.ear`: the figures of docs/conversation.md, with each case that went wrong."""

from __future__ import annotations

import sys

from benchmarks.ear import pauses
from benchmarks.figure import percentile


def main() -> None:
    for kind in pauses.KINDS:
        outcomes = pauses.tried(kind)
        waits = [one.waited for one in outcomes if one.waited is not None]
        cut = [one for one in outcomes if one.cut_off]
        split = [one for one in outcomes if not one.whole]
        print(
            f"{kind}: cut off {len(cut)} of {len(outcomes)}, in several lines {len(split)};"
            f" answered after p50 {percentile(waits, 0.5):.2f} s, p90 {percentile(waits, 0.9):.2f} s"
        )
        for one in outcomes if "--all" in sys.argv else cut:
            mark = "CUT" if one.cut_off else "   "
            print(f"    {one.waited or 0:.2f} {mark} {one.name}: {' | '.join(one.lines)}")


main()
