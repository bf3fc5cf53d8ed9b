from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from offhook.store import Database, Duplicate
from tests.store.databases import Clock

A_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


async def an_org(database: Database, name: str = "Ours") -> str:
    async with database.transaction() as tx:
        return (await tx.orgs.create({"name": name})).id


@pytest.mark.parametrize(
    ("written", "called"),
    [
        ("+15550101001", "15550101001"),
        ("15550101001", "+15550101001"),
        ("1-555-010-1001", "+1(555)010-1001"),
        ("+1001", "1001"),
    ],
)
async def test_a_number_is_found_with_and_without_its_plus(
    database: Database, written: str, called: str
) -> None:
    org = await an_org(database)
    async with database.transaction() as tx:
        row = await tx.phone_numbers.create(org, {"sipUri": f"sip:{written}@h"})
        assert await tx.phone_numbers.by_sip_user(called) == row
        exact = await tx.phone_numbers.create(org, {"sipUri": f"sip:{called}@h"})
        assert await tx.phone_numbers.by_sip_user(called) == exact
        assert await tx.phone_numbers.by_sip_user(written) == row


async def test_a_plus_is_none_of_a_name(database: Database) -> None:
    org = await an_org(database)
    async with database.transaction() as tx:
        await tx.phone_numbers.create(org, {"sipUri": "sip:+alice@h"})
        assert await tx.phone_numbers.by_sip_user("alice") is None


async def test_what_is_created_is_read_back(database: Database, clock: Clock) -> None:
    clock.seconds += 0.123
    org = await an_org(database)
    document = {"name": "Zo\u00eb \U0001f600", "nested": {"b": [1, 2.5, None, True]}, "a": None, "empty": {}}
    async with database.transaction() as tx:
        created = await tx.assistants.create(org, document)
    async with database.reading() as tx:
        found = await tx.assistants.get(org, created.id)
    assert found == created
    assert found is not None
    assert list(found.document) == list(document)
    assert found.created_at == found.updated_at == A_MOMENT.replace(microsecond=123_000)


async def test_another_orgs_row_is_not_there(database: Database) -> None:
    ours, theirs = await an_org(database), await an_org(database, "Theirs")
    async with database.transaction() as tx:
        row = await tx.assistants.create(theirs, {"name": "secret"})
        assert await tx.assistants.get(ours, row.id) is None
        assert await tx.assistants.replace(ours, row.id, {}) is None
        assert await tx.assistants.delete(ours, row.id) is None
        assert await tx.assistants.list(ours) == []
        assert await tx.assistants.page(ours, search="secret") == ([], 0)
        assert await tx.assistants.find(row.id) == row


async def test_replacing_keeps_the_beginning_and_moves_the_update(database: Database, clock: Clock) -> None:
    org = await an_org(database)
    async with database.transaction() as tx:
        row = await tx.squads.create(org, {"name": "old", "gone": 1})
    clock.seconds += 60
    async with database.transaction() as tx:
        changed = await tx.squads.replace(org, row.id, {"name": "new"})
        assert changed is not None
        assert changed.document == {"name": "new"}
        assert (changed.updated_at - changed.created_at).total_seconds() == 60
        assert await tx.squads.get(org, row.id) == changed
        assert await tx.squads.delete(org, row.id) == changed
        assert await tx.squads.get(org, row.id) is None
        assert await tx.squads.delete(org, row.id) is None


async def test_a_list_is_newest_first_and_filtered_by_dates(database: Database, clock: Clock) -> None:
    org = await an_org(database)
    rows = []
    for index in range(5):
        async with database.transaction() as tx:
            rows.append(await tx.tools.create(org, {"name": f"t{index}"}))
        if index != 2:  # two in the same millisecond
            clock.seconds += 1
    newest = [row.id for row in reversed(rows)]
    second = rows[1].created_at

    async with database.reading() as tx:

        async def ids(**dates: datetime) -> list[str]:
            return [row.id for row in await tx.tools.list(org, dates=dates)]

        assert [row.id for row in await tx.tools.list(org)] == newest
        assert [row.id for row in await tx.tools.list(org, limit=2)] == newest[:2]
        assert await tx.tools.list(org, limit=0) == []
        assert await ids(createdAtGt=second) == newest[:3]
        assert await ids(createdAtGe=second) == newest[:4]
        assert await ids(createdAtLt=second) == newest[4:]
        assert await ids(createdAtLe=second) == newest[3:]
        assert await ids(createdAtGt=second.replace(microsecond=second.microsecond + 500)) == newest[:3]
        assert await ids(updatedAtGe=second, updatedAtLe=second) == [rows[1].id]


async def test_pages_are_counted_sorted_and_searched(database: Database, clock: Clock) -> None:
    org = await an_org(database)
    async with database.transaction() as tx:
        for index in range(7):
            clock.seconds += 1
            await tx.phone_numbers.create(org, {"name": f"Line {index}", "sipUri": f"sip:user{index}@h"})
        await tx.phone_numbers.create(org, {"name": "100% _sure_"})

        async def names(**query: Any) -> list[str]:
            found, _ = await tx.phone_numbers.page(org, **query)
            return [row.document["name"] for row in found]

        rows, total = await tx.phone_numbers.page(org, page=2, limit=3, sort_order="ASC")
        assert ([row.document["name"] for row in rows], total) == (["Line 3", "Line 4", "Line 5"], 8)
        assert await names(page=9) == []
        assert await names(search="LINE 3") == ["Line 3"]
        assert await names(search="user5@") == ["Line 5"]
        assert await names(search="%") == ["100% _sure_"]
        assert await names(search="_sure_") == ["100% _sure_"]
        assert await names(search="nothing like it") == []
        assert (await tx.phone_numbers.page(org, search="line", limit=1))[1] == 7


async def test_a_list_is_filtered_by_properties(database: Database) -> None:
    org = await an_org(database)
    async with database.transaction() as tx:
        one = await tx.calls.begin(
            org, {"phoneNumberId": "n1", "assistantId": "a"}, status="ringing", node="x"
        )
        two = await tx.calls.begin(org, {"phoneNumberId": "n2", "squadId": "s"}, status="ringing", node="x")
        assert await tx.calls.list(org, equal={"phoneNumberId": "n1"}) == [one]
        assert await tx.calls.list(org, equal={"assistantId": "a", "phoneNumberId": "n2"}) == []
        assert await tx.calls.list(org, equal={"squadId": "s"}) == [two]
        assert await tx.calls.list(org, equal={"id": two.id}) == [two]


async def test_a_telephone_number_is_one_however_it_is_written(database: Database) -> None:
    org = await an_org(database)
    async with database.transaction() as tx:
        row = await tx.phone_numbers.create(org, {"sipUri": "sip:+1-555-010-1001@h"})
    for user in ("+15550101001", "+1(555)0101001", "%2B15550101001", "+15550101001;npdi"):
        async with database.transaction() as tx:
            assert await tx.phone_numbers.by_sip_user(user) == row
        with pytest.raises(Duplicate):
            async with database.transaction() as tx:
                await tx.phone_numbers.create(org, {"sipUri": f"sip:{user}@h"})


@pytest.mark.parametrize("user", ["Alice", "aLICE", "%41lice"])
async def test_a_sip_user_is_taken_in_any_case_by_any_org(database: Database, user: str) -> None:
    ours, theirs = await an_org(database), await an_org(database, "Theirs")
    async with database.transaction() as tx:
        row = await tx.phone_numbers.create(ours, {"sipUri": "sip:alice@sip.example.com"})
    with pytest.raises(Duplicate) as caught:
        async with database.transaction() as tx:
            await tx.phone_numbers.create(theirs, {"sipUri": f"sip:{user}@other.example.com:5080"})
    assert caught.value.field == "sipUri"
    async with database.reading() as tx:
        assert await tx.phone_numbers.by_sip_user(user) == row
        assert await tx.phone_numbers.by_sip_user("bob") is None
        assert await tx.phone_numbers.list(theirs) == []


async def test_a_changed_number_gives_its_user_back(database: Database) -> None:
    org = await an_org(database)
    async with database.transaction() as tx:
        row = await tx.phone_numbers.create(org, {"sipUri": "sip:a@h"})
        await tx.phone_numbers.create(org, {"name": "none"})
        await tx.phone_numbers.create(org, {"name": "none either"})
        await tx.phone_numbers.replace(org, row.id, {"sipUri": "sip:b@h"})
        assert await tx.phone_numbers.by_sip_user("a") is None
        await tx.phone_numbers.create(org, {"sipUri": "sip:a@h"})
    with pytest.raises(Duplicate):
        async with database.transaction() as tx:
            await tx.phone_numbers.replace(org, row.id, {"sipUri": "sip:A@h"})
    async with database.reading() as tx:
        found = await tx.phone_numbers.by_sip_user("B")
    assert found is not None
    assert found.id == row.id


async def test_an_id_that_is_taken_is_a_duplicate(database: Database) -> None:
    org = await an_org(database)
    async with database.transaction() as tx:
        await tx.assistants.create(org, {}, id="chosen")
    with pytest.raises(Duplicate) as caught:
        async with database.transaction() as tx:
            await tx.assistants.create(org, {}, id="chosen")
    assert caught.value.field == "id"


async def test_orgs_are_read_and_changed(database: Database, clock: Clock) -> None:
    async with database.transaction() as tx:
        one = await tx.orgs.create({"name": "One"})
        two = await tx.orgs.create({"name": "Two"})
        assert await tx.orgs.list() == [one, two]
        assert one.org_id == one.id
        changed = await tx.orgs.replace(one.id, {"name": "One", "server": {"url": "https://x"}})
        assert await tx.orgs.get(one.id) == changed
        assert await tx.orgs.get("nobody") is None
        assert await tx.orgs.replace("nobody", {}) is None


async def test_a_document_that_is_not_json_is_not_stored(database: Database) -> None:
    org = await an_org(database)
    with pytest.raises(ValueError, match="JSON"):
        async with database.transaction() as tx:
            await tx.assistants.create(org, {"bad": float("nan")})
    async with database.reading() as tx:
        assert await tx.assistants.list(org) == []


async def test_numbers_are_found_by_their_trunk(database: Database) -> None:
    one, two = await an_org(database), await an_org(database)
    async with database.transaction() as tx:
        for org, trunk, number in (
            (one, "trunk-1", "+1 (555) 230-1001"),
            (one, "trunk-1", "desk"),
            (two, "trunk-2", "15552301001"),
            (one, "trunk-1", None),
        ):
            document = {"provider": "byo-phone-number", "credentialId": trunk, "number": number}
            await tx.phone_numbers.create(org, document)
    async with database.reading() as tx:
        found = await tx.phone_numbers.of_trunks("+15552301001")
        assert {row.document["credentialId"] for row in found} == {"trunk-1", "trunk-2"}
        assert [row.document["number"] for row in await tx.phone_numbers.of_trunks("Desk")] == ["desk"]
        assert await tx.phone_numbers.of_trunks("+15550000000") == []
        of_one = await tx.phone_numbers.of_trunk(one, "trunk-1", 9)
        assert {row.document["number"] for row in of_one} == {"+1 (555) 230-1001", "desk"}
        assert await tx.phone_numbers.of_trunk(two, "trunk-1", 9) == []
        assert await tx.phone_numbers.by_sip_user("15552301001") is None
    again = {"provider": "byo-phone-number", "credentialId": "trunk-2", "number": "+15552301001"}
    async with database.transaction() as tx:
        with pytest.raises(Duplicate) as taken:
            await tx.phone_numbers.create(two, again)
    assert taken.value.field == "number"


async def test_credentials_of_one_provider_are_found_in_all_orgs(database: Database) -> None:
    one, two = await an_org(database), await an_org(database)
    async with database.transaction() as tx:
        for org, provider in ((one, "byo-sip-trunk"), (one, "openai"), (two, "byo-sip-trunk")):
            await tx.credentials.create(org, {"provider": provider})
    async with database.reading() as tx:
        assert {row.org_id for row in await tx.credentials.of_provider("byo-sip-trunk")} == {one, two}
