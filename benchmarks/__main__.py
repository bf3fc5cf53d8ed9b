"""`make bench`: measure, hold against the budgets, print one table.

python -m benchmarks [calls setups processes turns interruption handover leaks api outbox ringing hostile]
                     [--quick] [--write]"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks.figure import Figure, as_markdown, as_text
from benchmarks.machine import described
from benchmarks.measures import (
    api,
    calls,
    handover,
    hostile,
    interruption,
    leaks,
    outbox,
    processes,
    ringing,
    setups,
    turns,
)

MEASURES: Final[dict[str, Callable[[bool], list[Figure]]]] = {
    "calls": calls.measure,
    "setups": setups.measure,
    "processes": processes.measure,
    "turns": turns.measure,
    "interruption": interruption.measure,
    "handover": handover.measure,
    "leaks": leaks.measure,
    "api": api.measure,
    "outbox": outbox.measure,
    "ringing": ringing.measure,
    "hostile": hostile.measure,
}
FOLDER: Final = Path(__file__).parent
LATEST: Final = FOLDER / "results" / "latest.json"
PAGE: Final = FOLDER.parent / "docs" / "benchmarks.md"
README: Final = FOLDER.parent / "README.md"
BEGIN, END = "<!-- benchmarks -->\n", "<!-- /benchmarks -->\n"

LIMITS: Final = """\
- The call plane, the media plane and the API share one core, the callers have another; the database's and the
  recordings' threads share the service's core. All traffic is on the loopback interface:
  no network's delay, no network's loss.
- Transcriber, model and voice are scripted and take no time. Voice activity (Silero), recording to disk
  (stereo and mono), SIP, RTP with G.711, SQLite with an fsync per commit, and the outbox are the real ones.
- Callers speak a recorded question whenever the assistant has been silent for half a second; the assistant
  answers with 4.6 s of sound. What they send in between is silence without any noise, which after a second of
  it costs no voice activity: callers with noise around them cost more. Pacing is the deviation of each gap
  between packets from 20 ms, by the kernel's arrival stamps. CPU is that of the service's processes, all
  threads, user and system.
- Set-ups all go to one number, carry no audio from the caller, and are hung up after 0.1 s.
- Attackers share the callers' core, with less of a right to it; engines of an owner's own are the real ones
  there. How long the loop was held is told in CPU time, which no other program adds to.
- One run; other programs on the machine show up in the figures. The note says how long the service waited
  for its core."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure what Offhook can do.")
    parser.add_argument("names", nargs="*", choices=[[], *MEASURES], metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--quick", action="store_true", help="shorter and with fewer calls: a smoke test")
    parser.add_argument(
        "--write", action="store_true", help=f"write docs/{PAGE.name}, and quote it in the README"
    )
    chosen = parser.parse_args()
    machine = described()
    print(machine, flush=True)
    figures: dict[str, list[Figure]] = {}
    for name in chosen.names or MEASURES:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        figures[name] = MEASURES[name](chosen.quick)
    everything = [figure for found in figures.values() for figure in found]
    print(as_text(everything))
    print(f"\nLimits:\n{LIMITS}")
    measures = _keep(machine, figures, chosen.quick)
    if chosen.write:
        kept = [Figure(**figure) for measure in measures.values() for figure in measure["figures"]]
        PAGE.write_text(_page(measures, kept))
        README.write_text(_quoted(README.read_text(), machine, kept))
    return 0


def _keep(machine: str, figures: dict[str, list[Figure]], quick: bool) -> dict[str, Any]:
    """Put the figures beside the latest ones of the other measures; returns all of them in order."""
    LATEST.parent.mkdir(exist_ok=True)
    before = json.loads(LATEST.read_text())["measures"] if LATEST.exists() else {}
    now = {
        name: {"at": time.time(), "machine": machine, "quick": quick, "figures": list(map(asdict, found))}
        for name, found in figures.items()
    }
    measures = {name: (before | now)[name] for name in MEASURES if name in before or name in now}
    LATEST.write_text(json.dumps({"measures": measures}, indent=1))
    return measures


def _page(measures: Mapping[str, Any], figures: list[Figure]) -> str:
    """Each run with its own machine and length: they need not be of one sitting."""
    runs = "\n".join(
        f"| {name} | {time.strftime('%Y-%m-%d %H:%M', time.gmtime(run['at']))} UTC |"
        f" {'short (`--quick`)' if run['quick'] else 'full'} | {run['machine']} |"
        for name, run in measures.items()
    )
    return f"""# Benchmarks

Written by `make bench ARGS=--write`; do not edit.

{as_markdown(figures)}

| run | when | length | machine |
|---|---|---|---|
{runs}

## Limits of these figures

{LIMITS}
"""


def _quoted(readme: str, machine: str, figures: list[Figure]) -> str:
    """The README with what has a budget, met or not."""
    table = as_markdown([figure for figure in figures if figure.budget], notes=False)
    before, _, rest = readme.partition(BEGIN)
    return f"{before}{BEGIN}{machine}:\n\n{table}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    sys.exit(main())
