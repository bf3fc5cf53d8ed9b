from __future__ import annotations

from offhook.schema import identity_cache
from offhook.schema.identity_cache import IdentityCache


def test_each_object_is_asked_about_once_and_an_equal_one_is_another() -> None:
    asked: list[dict[str, int]] = []

    def make(document: dict[str, int]) -> int:
        asked.append(document)
        return len(asked)

    known = IdentityCache(make)
    one, other = {"n": 1}, {"n": 1}
    assert [known(one), known(other), known(one), known(other)] == [1, 2, 1, 2]
    assert [document is one for document in asked] == [True, False]


def test_an_object_that_is_gone_is_never_taken_for_another() -> None:
    known = IdentityCache[list[int], int](lambda numbers: numbers[0])
    for number in range(10 * identity_cache.MOST):
        assert known([number]) == number


def test_what_is_remembered_is_bounded() -> None:
    known = IdentityCache[list[int], int](lambda numbers: numbers[0])
    for number in range(10 * identity_cache.MOST):
        known([number])
        assert len(known._made) <= identity_cache.MOST
