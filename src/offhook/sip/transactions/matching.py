"""Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3, §9.2)."""

from __future__ import annotations

from typing import Final

from offhook.sip.messages.message import Request, Response

COOKIE: Final = "z9hG4bK"
"""A branch that begins so is unique (RFC 3261 §8.1.1.7); any other comes from an RFC 2543 element."""

Key = tuple[str | int | None, ...]


def client_key(message: Request | Response) -> Key:
    """Of a request we send, and of every response to it."""
    return message.via.branch, message.cseq.method


def server_key(request: Request, method: str | None = None) -> Key:
    """Of a request that came. The ACK for a refusal has the key of its INVITE; `method` "INVITE" gives
    the key of the INVITE that a CANCEL is about.

    An RFC 2543 element's requests are told apart by everything that stays the same when they are
    repeated; the To tag, which its ACK has and its INVITE has not, is left to `same_to_tag`."""
    method = method or request.method
    if method == "ACK":
        method = "INVITE"
    via = request.via
    if via.branch is not None and via.branch.startswith(COOKIE):
        return via.branch, via.host, via.port, method
    return (
        via.branch,
        via.host,
        via.port,
        method,
        request.call_id,
        request.from_.tag,
        request.cseq.number,
        str(request.uri),
    )


def is_2543(request: Request) -> bool:
    branch = request.via.branch
    return branch is None or not branch.startswith(COOKIE)


def same_to_tag(first: Request, tag_given: str | None, later: Request) -> bool:
    """Whether `later` may belong to the transaction of `first`, which RFC 2543 elements need besides the
    key: an ACK repeats the To tag that we gave, a repetition has the one of the first request."""
    if not is_2543(first):
        return True
    tag = first.to.tag
    return later.to.tag == ((tag or tag_given) if later.method == "ACK" else tag)


def merge_key(request: Request) -> Key:
    """The same for all copies of a request that reach us over several ways (RFC 3261 §8.2.2.2)."""
    cseq = request.cseq
    return request.call_id, request.from_.tag, cseq.number, cseq.method
