"""`python -m benchmarks.ear`: the figures of docs/conversation.md, with each case that went wrong."""

from __future__ import annotations

import sys

from benchmarks.ear import overlaps, pauses
from benchmarks.figure import percentile

ALL = "--all" in sys.argv
MOST_SILENT = 0.3


def of_pauses() -> None:
    for kind in pauses.KINDS:
        outcomes = pauses.tried(kind)
        waits = [one.waited for one in outcomes if one.waited is not None]
        cut = [one for one in outcomes if one.cut_off]
        split = [one for one in outcomes if not one.whole]
        print(
            f"{kind}: cut off {len(cut)} of {len(outcomes)}, in several lines {len(split)};"
            f" answered after p50 {percentile(waits, 0.5):.2f} s, p90 {percentile(waits, 0.9):.2f} s"
        )
        for one in outcomes if ALL else cut:
            mark = "CUT" if one.cut_off else "   "
            print(f"    {one.waited or 0:.2f} {mark} {one.name}: {' | '.join(one.lines)}")


def of_overlaps() -> None:
    nods = overlaps.tried(overlaps.NODS, overlaps.RECORDED_NODS)
    silenced = [one for one in nods if one.silent > MOST_SILENT or one.stopped is not None]
    print(f"nods: silenced it for more than {MOST_SILENT} s {len(silenced)} of {len(nods)}")
    for one in nods if ALL else silenced:
        print(f"    {one.silent:.2f} {one.stopped} {one.name}: {' | '.join(one.lines)}")
    interruptions = overlaps.tried(overlaps.INTERRUPTIONS, overlaps.RECORDED_INTERRUPTIONS)
    stops = [one.stopped for one in interruptions if one.stopped is not None]
    missed = [one for one in interruptions if one.stopped is None]
    print(
        f"interruptions: missed {len(missed)} of {len(interruptions)};"
        f" silent after p50 {percentile(stops, 0.5):.2f} s, p90 {percentile(stops, 0.9):.2f} s"
    )
    for one in interruptions if ALL else missed:
        print(f"    {one.silent:.2f} {one.stopped} {one.name}: {' | '.join(one.lines)}")


if "overlaps" not in sys.argv:
    of_pauses()
if "pauses" not in sys.argv:
    of_overlaps()
