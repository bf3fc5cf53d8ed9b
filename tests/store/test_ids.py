from __future__ import annotations

import random
from uuid import UUID

from offhook.store import IdMaker


def test_an_id_is_a_version_7_uuid_that_holds_its_time() -> None:
    new_id = IdMaker(lambda: 1_767_225_600.123, random.Random(1))
    made = UUID(new_id())
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert made.int >> 80 == 1_767_225_600_123


def test_ids_grow_within_a_millisecond_and_when_the_clock_is_set_back() -> None:
    times = iter([1.0] * 9000 + [0.5] * 9000 + [2.0] * 2)
    new_id = IdMaker(lambda: next(times), random.Random(1))
    made = [new_id() for _ in range(18002)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert all(UUID(text).version == 7 for text in made)


def test_other_ids_differ_from_their_first_digits_on() -> None:
    new_id = IdMaker(lambda: 1.0, random.Random(1))
    made = [UUID(new_id.random()) for _ in range(200)]

    assert {one.version for one in made} == {4}
    assert {one.variant for one in made} == {"specified in RFC 4122"}
    assert len({str(one)[:8] for one in made}) == 200
