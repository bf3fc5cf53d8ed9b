"""Which of an assistant's engines will not work here. The assistant is stored all the same, as in the
original."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter

from offhook.api.http.work import Work
from offhook.engines.lacks import lacks_of
from offhook.engines.languages import LanguageNotServed
from offhook.engines.registry import Documents
from offhook.json_document import ResourceDocument
from offhook.schema.answered import NotValid, read
from offhook.schema.assistants.assistant import Assistant
from offhook.speech.engine_request import Account

MOST_CREDENTIALS: Final = 1000
STANDS_IN: Final = "; until then the local engine stands in (OFFHOOK_SUBSTITUTE)"


async def engine_warnings(work: Work, assistants: Iterable[ResourceDocument]) -> Sequence[str]:
    """A sentence for each engine that is not served, has no key or not the language: which it is, and
    what to do."""
    settings = work.services.settings

    known: dict[str, Documents] = {}  # of each provider that was asked for: calls wait for this transaction

    async def credentials(provider: str) -> Documents:
        if provider not in known:
            stored = await work.tx.credentials.list(work.org_id, limit=MOST_CREDENTIALS)
            known[provider] = {
                one.id: one.document for one in stored if one.document.get("provider") == provider
            }
        return known[provider]

    def account(provider: str) -> Account:
        return Account(*settings.account(provider))

    found: dict[str, None] = {}
    for document in assistants:
        try:
            assistant = read(Assistant, document, _adapter(), "the assistant")
        except NotValid:
            continue  # kept from a time when it was valid
        assert isinstance(assistant, Assistant)
        for lack in await lacks_of(assistant, account, credentials):
            replaced = settings.substitute and not isinstance(lack, LanguageNotServed)
            found[str(lack) + (STANDS_IN if replaced else "")] = None
    return list(found)


@cache
def _adapter() -> TypeAdapter[Any]:
    return TypeAdapter(Assistant)
