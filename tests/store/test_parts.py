"""What messages of a call share is written once, and each still says what it said, to the letter."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offhook.store import CallChange, Database, NewCall, NewMessage, Part, WrittenParts
from offhook.store.json_text import ascii_json
from offhook.store.parts import whole

LONG = "a text that is long enough to be worth a part of its own, and then some"

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5) | st.sampled_from([LONG, LONG + "!", LONG[:60], "\0\ud83d" + LONG]),
    lambda inner: st.lists(inner, max_size=6)
    | st.dictionaries(st.sampled_from("abcdé.\0"), inner, max_size=5),
    max_leaves=30,
)  # fmt: skip
documents = st.lists(st.fixed_dictionaries({"message": values}), max_size=8)


class Kept:
    """A store of parts and documents."""

    def __init__(self) -> None:
        self.told = WrittenParts()
        self.parts: list[Part] = []
        self.bytes = 0

    def write(self, document: dict[str, Any]) -> tuple[str, Any]:
        shared = self.told.share(document)
        assert shared.text == ascii_json(document)
        self.parts += shared.parts
        named = json.loads(json.dumps(shared.named))
        self.bytes += len(shared.bare) + len(json.dumps(named)) + sum(len(one.value) for one in shared.parts)
        return shared.bare, named

    def read(self, bare: str, named: Any) -> str:
        return whole(bare, named, self.parts)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(documents)
def test_any_document_comes_back_to_the_letter(given: list[dict[str, Any]]) -> None:
    kept = Kept()
    written = [kept.write(one) for one in given]
    assert [kept.read(*one) for one in written] == [ascii_json(one) for one in given]


def test_what_grows_and_changes_in_its_place_comes_back_as_it_was_each_time() -> None:
    rng = random.Random(5)
    said: list[dict[str, Any]] = []
    kept, told = Kept(), list[tuple[str, tuple[str, Any]]]()
    for step in range(200):
        match rng.randrange(5):
            case 0 if said:
                said[-1]["message"] += " and more"  # the same object, which has changed
            case 1 if said:
                said.insert(rng.randrange(len(said)), {"role": "user", "message": f"late {step}"})
            case 2 if said:
                said.pop()
            case _:
                said.append({"role": "bot", "message": f"sentence {step}"})
        text = "".join(one["message"] for one in said)
        artifact = {"messages": said, "transcript": text}
        document = {"message": {"artifact": artifact, "messages": list(said), "step": step, "text": text[5:]}}
        told.append((ascii_json(document), kept.write(document)))
    for text, written in told:
        assert kept.read(*written) == text


def test_what_is_said_twice_is_written_once() -> None:
    kept = Kept()
    said = [{"role": "user", "message": f"{LONG} {number}"} for number in range(50)]
    assistant = {"name": "Desk", "prompt": LONG * 20}
    for end in range(2, 50):
        artifact = {"messages": said[:end], "openai": said[:end]}
        body = {"artifact": artifact, "messages": said[:end], "assistant": assistant, "of": end}
        kept.write({"message": body})
    whole_story = len(ascii_json([assistant, said]))
    assert kept.bytes < 3 * whole_story


def test_what_was_rolled_back_is_written_again_under_other_numbers() -> None:
    told = WrittenParts()
    document = {"message": {"text": LONG}}
    lost = told.copy().share(document)
    again = told.share(document)
    assert lost.parts[0].value == again.parts[0].value
    assert {one.number for one in lost.parts}.isdisjoint(one.number for one in again.parts)


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        WrittenParts().share({"message": {"cost": float("nan")}})


def test_a_part_that_is_not_there_is_an_error_and_no_other_text() -> None:
    kept = Kept()
    bare, named = kept.write({"message": {"text": LONG}})
    with pytest.raises(LookupError):
        whole(bare, named, [])


# -- in the database --------------------------------------------------------------------------


async def an_org(database: Database) -> str:
    async with database.transaction() as tx:
        return (await tx.orgs.create({"name": "Org"})).id


async def parts_left(database: Database) -> int:
    import sqlalchemy as sa

    from offhook.store import tables

    async with database.reading() as tx:
        count = await tx.scalar(sa.select(sa.func.count()).select_from(tables.call_parts))
    return int(count)


def a_message(told: WrittenParts, webhook_id: str, document: dict[str, Any]) -> NewMessage:
    shared = told.share(document)
    return NewMessage(webhook_id, "status-update", "h:80", {"url": "u"}, shared.text, shared=shared)


async def test_messages_of_a_live_call_stay_whole_whatever_is_forgotten(database: Database) -> None:
    org, told = await an_org(database), WrittenParts()
    first, second = ({"message": {"said": [LONG] * number}} for number in (3, 4))
    await database.write_calls(
        [
            NewCall(org, "c", {}, "in-progress"),
            CallChange(org, "c", {}, "in-progress", messages=[a_message(told, "one", first)]),
        ]
    )
    async with database.transaction() as tx:
        await tx.outbox.delivered(["one"], status=200)
        assert await tx.outbox.purge(2**60, 0) == 0
    last = a_message(told, "two", second)
    await database.write_calls([CallChange(org, "c", {}, "ended", "why", [last])])

    async with database.transaction() as tx:
        assert await tx.outbox.body("one") == ascii_json(first)
        assert await tx.outbox.purge(2**60, 0) == 1
        assert await tx.outbox.body("one") is None
        found = await tx.outbox.find(org, "two")
        assert found is not None
        assert found.body == ascii_json(second)
        await tx.outbox.delivered(["two"], status=200)
    assert await parts_left(database) > 0
    async with database.transaction() as tx:
        assert await tx.outbox.purge(2**60, 0) == 1
    assert await parts_left(database) == 0


async def test_a_live_call_shows_what_was_said_so_far(database: Database) -> None:
    org, told = await an_org(database), WrittenParts()
    said = [{"role": "user", "message": LONG}]
    for length in (1, 2, 3):
        shared = told.share({"messages": said * length})
        number = shared.named[0][1]
        change = CallChange(org, "c", {"n": 1}, "ringing", said=number, parts=shared.parts)
        new = [NewCall(org, "c", {}, "ringing", "node")] if length == 1 else []
        await database.write_calls([*new, change])
    # The document stays as it was where none is given.
    await database.write_calls([CallChange(org, "c", None, "in-progress", said=number)])

    async with database.reading() as tx:
        record = await tx.calls.get(org, "c")
        assert record is not None
        assert record.document == {"n": 1, "messages": said * 3}
        assert await tx.calls.unfinished("node") == [record]
        assert (await tx.calls.page(org))[0] == [record]
    await database.write_calls([CallChange(org, "c", {"messages": said}, "ended", "why")])
    async with database.reading() as tx:
        assert [one.document for one in await tx.calls.list(org)] == [{"messages": said}]
    assert await parts_left(database) == 0


async def test_what_is_told_of_a_call_goes_with_it(database: Database) -> None:
    org = await an_org(database)
    for call_id in ("gone", "stays"):
        message = a_message(WrittenParts(), f"of {call_id}", {"message": {"said": LONG}})
        new = NewCall(org, call_id, {}, "ringing")
        await database.write_calls([new, CallChange(org, call_id, {}, "ended", "why", [message])])
    async with database.transaction() as tx:
        await tx.outbox.erase(org, "gone")
        await tx.calls.delete(org, "gone")

    async with database.reading() as tx:
        assert [row.call_id for row in await tx.outbox.list(org)] == ["stays"]
        assert await tx.outbox.body("of gone") is None
        assert await tx.outbox.body("of stays") == ascii_json({"message": {"said": LONG}})
    assert await parts_left(database) == 1
