"""What the local model makes of each question, and whether that is useful, read aloud or made up.

A prompt and its questions are one file of `asked/`. Of a question:

| key | meaning |
|---|---|
| `say` | what the caller says, or a list of it: each but the last is answered and not scored |
| `has` | all of these stand in the answer; "a|b": one of them |
| `never` | none of these stands in it |
| `unknown` | the prompt does not say: that is owned up to |
| `transfer`, `end` | the caller is put through to this destination; the call is ended |
| `noted` | variables that the conversation has brought, each with a part of its value |

`quiet` of a file are words of its instructions: no answer to anything may hold them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from offhook.language.language_model import Message, Noted, Text, ToolCall, ToolDefinition
from offhook.language.providers.extractive import ExtractiveModel

FOLDER: Final = Path(__file__).parent / "asked"
_OWNS_UP: Final = re.compile(
    r"do not (?:have|know)|cannot (?:tell|say)|not sure|no information|(?:take|leave) (?:a|your) message",
    re.I,
)
_READ_ALOUD: Final = re.compile(
    r"[{}\[\]<>|#*_]|\"\w+\":|\byou (?:are|must|should)\b.{0,40}\bassistant", re.I
)
_FIGURE: Final = re.compile(r"\d+(?:[.,:]\d+)*")


@dataclass(frozen=True, slots=True)
class Question:
    said: Sequence[str]
    wanted: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    name: str
    prompt: str
    tools: Sequence[ToolDefinition]
    quiet: Sequence[str]
    held_out: bool
    questions: Sequence[Question]


@dataclass(slots=True)
class Outcome:
    question: Question
    answers: list[str] = field(default_factory=list)
    called: ToolCall | None = None
    noted: dict[str, Any] = field(default_factory=dict)
    useful: bool = False
    read_aloud: bool = False
    invented: bool = False


def files() -> Iterator[Asked]:
    for path in sorted(FOLDER.glob("*.toml")):
        read = tomllib.loads(path.read_text())
        questions = [
            Question([one["say"]] if isinstance(one["say"], str) else one["say"], one) for one in read["ask"]
        ]
        tools = [_tool(*one.partition(": ")[::2]) for one in read["tools"]]
        yield Asked(
            read["name"], read["prompt"], tools, read["quiet"], read.get("held_out", False), questions
        )


async def outcome_of(asked: Asked, question: Question) -> Outcome:
    """One call: everything that is said in it, and what the last answer is worth."""
    outcome = Outcome(question)
    messages: list[Message] = [{"role": "system", "content": asked.prompt}]
    model = ExtractiveModel()
    for said in question.said:
        messages.append({"role": "user", "content": said})
        outcome.called, answer = None, ""
        async for reply in model.respond(messages, asked.tools):
            if isinstance(reply, Text):
                answer += reply.text
            elif isinstance(reply, ToolCall):
                outcome.called = reply
            elif isinstance(reply, Noted):
                outcome.noted |= reply.variables
        messages.append({"role": "assistant", "content": answer})
        outcome.answers.append(answer)
    _judge(asked, outcome)
    return outcome


def _judge(asked: Asked, outcome: Outcome) -> None:
    said, wanted = " ".join(outcome.answers), outcome.question.wanted
    outcome.read_aloud = bool(_READ_ALOUD.search(said)) or any(
        re.search(rf"(?<!\w){re.escape(one)}(?!\w)", said, re.I) for one in asked.quiet
    )
    known = set(_FIGURE.findall(" ".join([asked.prompt, *outcome.question.said])))
    last = outcome.answers[-1]
    noted = re.sub(r"\D", "", " ".join(map(str, outcome.noted.values())))
    made_up = [figure for figure in _FIGURE.findall(said) if figure not in known and figure not in noted]
    wrong = any(_within(one, last) for one in wanted.get("never", ()))
    owns_up = _OWNS_UP.search(last) is not None
    unknown = wanted.get("unknown", False)
    outcome.invented = bool(made_up) or wrong or (unknown and not owns_up and bool(_FIGURE.search(last)))
    outcome.useful = (
        not outcome.read_aloud
        and not outcome.invented
        and (owns_up or not unknown)
        and all(any(_within(one, last) for one in each.split("|")) for each in wanted.get("has", ()))
        and _did(outcome, wanted)
    )


def _did(outcome: Outcome, wanted: Mapping[str, Any]) -> bool:
    called = outcome.called
    if "transfer" in wanted and (called is None or called.arguments.get("destination") != wanted["transfer"]):
        return False
    if wanted.get("end") and (called is None or called.name != "endCall"):
        return False
    return all(_within(part, str(outcome.noted.get(key))) for key, part in wanted.get("noted", {}).items())


def _within(part: str, whole: str) -> bool:
    return part.lower() in whole.lower()


def _tool(name: str, destinations: str) -> ToolDefinition:
    described = [one.strip() for one in destinations.split("), ") if one.strip()]
    names = [one.split(" (")[0] for one in described]
    properties = {"destination": {"type": "string", "enum": names}} if names else {}
    listed = "; ".join(f"{one.rstrip(')')})" for one in described)
    description = f"Transfer the caller. Destinations: {listed}" if names else "End the call."
    return ToolDefinition(name, description, {"type": "object", "properties": properties})
