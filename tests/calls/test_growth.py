"""What a call leaves in the database, and what is written for it, grows with its length and no faster."""

from __future__ import annotations

import asyncio
import random
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy.event
from sqlalchemy.engine import Engine

from offhook.calls.ledger import stored_ledger
from offhook.calls.ledger.stored_ledger import StoredLedger
from offhook.calls.privacy import PrivacyDecision
from offhook.calls.record.call_record import CallRecord
from offhook.calls.record.reporter import Outgoing, Reporter
from offhook.conversation import events
from offhook.conversation.transcript import ConversationTranscript
from offhook.schema.assistants import effective
from offhook.schema.assistants.assistant import AssistantOverrides
from offhook.store import CallChange, Database, IdMaker, NewCall, StoreError
from offhook.webhooks.client import Client, message_body
from offhook.webhooks.outbox import Outbox
from offhook.webhooks.receiver import Receiver
from tests.calls.documents import an_assistant, record_of
from tests.store.databases import make_newest

NODE = "node-1"
NOW = 1_790_000_000.0
SERVER = Receiver("http://owner.test/hook")
USUAL = effective.server_messages(AssistantOverrides())
EVERYTHING = (*USUAL, "transcript", "model-output", "voice-input", "assistant.speechStarted")
ASSISTANT = {"name": "Desk", "model": {"messages": [{"role": "system", "content": "Be brief. " * 300}]}}


class Story:
    """A call of so many turns, handed to the real ledger as a call does it."""

    def __init__(self, database: Database, org_id: str, chosen: Any) -> None:
        client = cast("Client", None)
        outbox = Outbox(database, client, node=NODE, now=lambda: NOW, rng=random.Random(1))
        self.ledger = StoredLedger(database, outbox, NODE)
        number = {"id": None, "orgId": org_id, "name": "Front desk " * 20}
        self.record = record_of("c1", org_id, number, "sip", {"number": "+15550100"}, NOW, 0.0)
        self.record.assistant, self.record.transcript = an_assistant(ASSISTANT), ConversationTranscript()
        self.reporter = Reporter(self.record, self.ledger, lambda: NOW)
        self.reporter.listen(SERVER, chosen)

    @property
    def said(self) -> ConversationTranscript:
        return cast("ConversationTranscript", self.record.transcript)

    async def tell(self, turns: int) -> None:
        self.ledger.start()
        self.reporter.begin()
        self.record.started_at = NOW
        self.record.status = "in-progress"
        self.reporter.status()
        self.said.add_system("Be brief.", 0.0)
        for turn in range(turns):
            await self._turn(turn)
        self.record.status, self.record.ended_at = "ended", NOW + 10 * turns
        self.record.ended_reason = "customer-ended-call"
        self.reporter.status()
        await self.reporter.settled()
        await self.ledger.close()

    async def _turn(self, turn: int) -> None:
        tell, at = self.reporter.told, 10.0 * turn
        tell(events.SpeechStarted("user", turn, at))
        for part in range(2):
            words = f"This is what the caller asks about in turn {turn}.{part}"
            tell(events.TranscriptHeard("user", words, True, at))
            self.said.add_user(words, at + part, at + part + 1)
            tell(events.ConversationChanged())
        await self.reporter.settled()
        bot = self.said.add_bot(at + 4)
        for part in range(3):
            tell(events.VoiceText(f"Sentence {part} of the answer."))
            bot.extend(f"Sentence {part} of what the assistant answers in turn {turn}.", at + 5 + part)
            tell(events.SpeechWritten(bot.text, turn, "model"))
        tell(events.ConversationChanged())
        await self.reporter.settled()


class Weighed:
    """The bytes of all parameters of all statements while it is open."""

    def __init__(self) -> None:
        self.bytes = 0

    def __enter__(self) -> Weighed:
        sqlalchemy.event.listen(Engine, "before_cursor_execute", self._weigh)
        return self

    def __exit__(self, *_: object) -> None:
        sqlalchemy.event.remove(Engine, "before_cursor_execute", self._weigh)

    def _weigh(self, _connection: Any, _cursor: Any, _statement: str, parameters: Any, *_: Any) -> None:
        self.bytes += len(repr(parameters))


async def weigh(folder: Path, turns: int, chosen: Any) -> tuple[int, int]:
    """Bytes in the tables once the call has ended, and bytes written on the way."""
    url = f"sqlite:///{folder / f'{turns}.db'}"
    await make_newest(url)
    database = await Database.open(url, now=lambda: NOW, new_id=IdMaker(lambda: NOW, random.Random(1)))
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "Org"})
    story = Story(database, org.id, chosen)
    with Weighed() as written:
        await story.tell(turns)
    await database.close()
    left = await asyncio.to_thread(_text_of, folder / f"{turns}.db")
    return len(left), written.bytes


@pytest.mark.slow
@pytest.mark.parametrize("chosen", [USUAL, EVERYTHING, ()], ids=["usual", "everything", "nothing"])
async def test_twice_the_turns_are_twice_the_bytes(
    tmp_path: Path, chosen: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_ledger, "LAZY_SECONDS", stored_ledger.GATHER_SECONDS)
    (left, written), (twice_left, twice_written) = [
        await weigh(tmp_path, turns, chosen) for turns in (50, 100)
    ]
    assert twice_left < 2.1 * left
    assert twice_written < 2.1 * written


class Moody:
    """The database, which refuses two writes of three."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.tries = 0

    async def write_calls(self, writes: Sequence[NewCall | CallChange]) -> Sequence[bool]:
        self.tries += 1
        if self.tries % 3:
            raise StoreError("disk full")
        return await self._database.write_calls(writes)


@pytest.mark.parametrize("moody", [False, True])
async def test_every_message_still_says_what_it_said(
    tmp_path: Path, moody: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_ledger, "AGAIN_SECONDS", (0.001,))
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await make_newest(url)
    database = await Database.open(url, now=lambda: NOW, new_id=IdMaker(lambda: NOW, random.Random(1)))
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "Org"})
    story = Story(database, org.id, EVERYTHING)
    monkeypatch.setattr(story.ledger, "_database", Moody(database) if moody else database)
    handed_in: list[str] = []
    save = story.ledger.save

    def noted(record: CallRecord, outgoing: Sequence[Outgoing]) -> asyncio.Future[None]:
        handed_in.extend(message_body(one.body) for one in outgoing)
        return save(record, outgoing)

    monkeypatch.setattr(story.ledger, "save", noted)
    await story.tell(8)

    async with database.reading() as tx:
        rows = await tx.outbox.list(org.id, limit=1000)
        bodies = [await tx.outbox.body(row.id) for row in sorted(rows, key=lambda row: row.position)]
        record = await tx.calls.get(org.id, "c1")
    assert bodies == handed_in
    assert record is not None
    assert record.document["messages"] == story.record.messages()
    await database.close()


async def test_what_was_said_is_there_after_a_crash(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await make_newest(url)
    database = await Database.open(url, now=lambda: NOW, new_id=IdMaker(lambda: NOW, random.Random(1)))
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "Org"})
    story = Story(database, org.id, USUAL)
    story.ledger.start()
    story.reporter.begin()
    for turn in range(5):
        await story._turn(turn)
    await database.close()

    again = await Database.open(url, now=lambda: NOW, new_id=IdMaker(lambda: NOW, random.Random(2)))
    async with again.reading() as tx:
        (left,) = await tx.calls.unfinished(NODE)
    assert left.document["messages"] == story.record.messages()
    await again.close()
    await story.ledger.close()


async def test_parts_go_with_the_words_that_are_not_kept(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'calls.db'}"
    await make_newest(url)
    database = await Database.open(url, now=lambda: NOW, new_id=IdMaker(lambda: NOW, random.Random(1)))
    async with database.transaction() as tx:
        org = await tx.orgs.create({"name": "Org"})

    async def deliver() -> list[str]:
        async with database.transaction() as tx:
            waiting = await tx.outbox.list(org.id, state="pending", limit=1000)
            bodies = [await tx.outbox.body(one.id) for one in waiting]
            await tx.outbox.delivered([one.id for one in waiting], status=200)
        return [body for body in bodies if body and "the caller asks about in turn 0" in body]

    story = Story(database, org.id, USUAL)
    story.ledger.start()
    story.reporter.begin()
    await story._turn(0)
    story.record.kept = PrivacyDecision(words=False)
    await story._turn(1)
    assert await deliver()
    assert "turn 0" not in await asyncio.to_thread(_text_of, tmp_path / "calls.db")
    await story._turn(2)
    assert await deliver()
    assert "turn 0" not in await asyncio.to_thread(_text_of, tmp_path / "calls.db")
    await story.ledger.close()
    await database.close()


def _text_of(file: Path) -> str:
    with sqlite3.connect(file) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")]
        return repr([connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables])
