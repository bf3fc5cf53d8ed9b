"""`python -m benchmarks.ear`: the figures of docs/conversation.md, with each case that went wrong."""

from __future__ import annotations

import sys

from benchmarks.ear import clips, dictated, overlaps, pauses, places
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


def of_places() -> None:
    alone = places.alone()
    minutes = len(alone) * places.ALONE_SECONDS / 60
    print(
        f"speakerphone: interrupted itself {sum(one.interrupted for one in alone) / minutes:.0f} times a"
        f" minute, took its echo for a voice {sum(one.heard for one in alone) / minutes:.0f} times"
    )
    for echo in alone:
        if ALL or echo.heard:
            print(f"    {echo.interrupted} {echo.heard} {echo.name}: {' | '.join(echo.lines)}")
    over = places.spoken_over()
    stops = [one.waited for one in over if one.waited is not None]
    print(
        f"speakerphone: interruptions missed {len(over) - len(stops)} of {len(over)};"
        f" silent after p50 {percentile(stops, 0.5):.2f} s, p90 {percentile(stops, 0.9):.2f} s"
    )
    beside = places.beside_a_television()
    answered = [one.waited for one in beside if one.waited is not None]
    print(
        f"television: answered, and nothing else understood {len(answered)} of {len(beside)};"
        f" after p50 {percentile(answered, 0.5):.2f} s, p90 {percentile(answered, 0.9):.2f} s"
    )
    for one in (*over, *beside):
        if ALL or one.waited is None:
            print(f"    {one.waited or 0:.2f} {one.name}: {' | '.join(one.lines)}")


def of_dictation() -> None:
    for kind in dictated.KINDS:
        outcomes = list(dictated.tried(kind))
        by_voice = {
            voice: [one for one in outcomes if one.voice == voice and one.right] for voice in clips.VOICES
        }
        shares = ", ".join(f"{voice} {len(right)}" for voice, right in by_voice.items())
        right = sum(map(len, by_voice.values()))
        print(f"{kind}: right {right} of {len(outcomes)}; of {len(outcomes) // len(by_voice)} each: {shares}")
        for one in outcomes:
            if ALL or not one.right:
                print(f"    {'   ' if one.right else 'BAD'} {one.name}: {' | '.join(one.lines)}")


KINDS = {"pauses": of_pauses, "overlaps": of_overlaps, "places": of_places, "dictation": of_dictation}
for kind in [name for name in KINDS if name in sys.argv] or KINDS:
    KINDS[kind]()
