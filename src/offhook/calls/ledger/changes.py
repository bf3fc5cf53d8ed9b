"""How the steps of a call become one change: steps that wait together are merged, and what the store has
already is not written again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from offhook.calls.record.reporter import Outgoing
from offhook.store import CallChange, NewMessage, Part, WrittenParts
from offhook.store.json_text import SerializedDocument

Document = dict[str, Any]


@dataclass(slots=True)
class Step:
    """A step of a call: its row, what was `said` so far if the row does not hold that itself, and the
    messages that report it. A later step of the same call takes over `said`. `words` False: nothing of what
    was said is stored after it was sent."""

    org_id: str
    call_id: str
    document: Mapping[str, Any]
    said: Sequence[Document] | None
    status: str
    ended_reason: str | None
    outgoing: Sequence[Outgoing]
    words: bool = True


Message = Callable[[Outgoing, Step, WrittenParts | None], NewMessage]


@dataclass(slots=True)
class StoredCallState:
    """What the store has of a running call. `document` is JSON, `said` the number of the part with its
    `messages`."""

    told: WrittenParts = field(default_factory=WrittenParts)
    document: str = ""
    said: int | None = None

    def copy(self) -> StoredCallState:
        return StoredCallState(self.told.copy(), self.document, self.said)


def change_of(steps: Sequence[Step], kept: StoredCallState, message: Message) -> CallChange:
    """Merges the steps of one call into one change. `kept` becomes what the store has once the change is
    written. Raises ValueError if something is not JSON."""
    last = steps[-1]
    # Parts outlast the messages that they are for.
    told = kept.told if last.words else None
    messages = [message(one, last, told) for step in steps for one in step.outgoing]
    if not last.words:
        kept.told.forget()
    document: Mapping[str, Any] = last.document
    parts: Sequence[Part] = ()
    if last.status == "ended":
        kept.said = None
    elif last.said is not None:
        shared = kept.told.share({"messages": last.said})
        parts = shared.parts
        kept.said = shared.named[0][1] if shared.named else None
        if not shared.named:
            document = {**last.document, "messages": last.said}
    written = SerializedDocument(document)
    changed = written.text != kept.document
    kept.document = written.text
    return CallChange(
        last.org_id,
        last.call_id,
        written if changed else None,
        last.status,
        last.ended_reason,
        messages,
        words=last.words,
        said=kept.said,
        parts=parts,
    )
