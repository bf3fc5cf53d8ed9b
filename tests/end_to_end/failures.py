"""The ways in which an assistant-request can fail, each with the reason that the call ends for."""

from __future__ import annotations

from dataclasses import dataclass

from tests.end_to_end.answers import Act, drips, drips_headers, late, never_ends, raw, resets, says, sends
from tests.end_to_end.peers import LOOPBACK

FAILED = "assistant-request-failed"
RETURNED_ERROR = "assistant-request-returned-error"
UNSPEAKABLE = "assistant-request-returned-unspeakable-error"
INVALID = "assistant-request-returned-invalid-assistant"
NONE = "assistant-request-returned-no-assistant"
SORRY = "cannot take your call"
NOBODY = "00000000-0000-7000-8000-000000000000"
LOST = {"assistantId": NOBODY}
UNFIT = {"model": {"provider": "no"}}
DESK = {"type": "sip", "sipUri": f"sip:desk@{LOOPBACK}:5099", "message": ""}


@dataclass(frozen=True, slots=True)
class Failure:
    """`act`: what the receiver does; or `url`: whom it is sent to, with the name of a port that the test
    opens; `refused_today`: the API takes that URL no more, but a number may have had it before. `told`:
    part of `assistantRequestError`, empty where nobody is left to be told."""

    name: str
    reason: str
    told: str = ""
    act: Act | None = None
    url: str = ""
    spoken: str = SORRY
    slow: bool = False
    refused_today: bool = False


FAILURES = [
    Failure("dns", FAILED, url="http://nobody.invalid/"),
    Failure("refused", FAILED, url=f"http://{LOOPBACK}:{{closed}}/"),
    Failure("no connection", FAILED, url=f"http://{LOOPBACK}:{{deaf}}/", slow=True),
    Failure("no handshake", FAILED, url=f"https://{LOOPBACK}:{{mute}}/", slow=True),
    Failure("no TLS", FAILED, url=f"https://{LOOPBACK}:{{plain}}/"),
    Failure("untrusted", FAILED, url=f"https://{LOOPBACK}:{{tls}}/"),
    Failure("policy", FAILED, url="http://169.254.169.254/latest/meta-data/", refused_today=True),
    Failure("scheme", FAILED, url=f"ftp://{LOOPBACK}/", refused_today=True),
    Failure("reset", FAILED, "", resets),
    Failure("hung up", FAILED, "", raw(b"")),
    Failure("not HTTP", FAILED, "", raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")),
    Failure("no answer", FAILED, "within 7.5 s", late(60, says({})), slow=True),
    Failure("headers drip", FAILED, "within 7.5 s", drips_headers, slow=True),
    Failure("body drips", FAILED, "within 7.5 s", drips, slow=True),
    Failure("body stops", FAILED, "", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")),
    Failure("redirect", FAILED, "302", says({}, "302 Found", "Location: /good")),
    Failure("lasting redirect", FAILED, "308", says({}, "308 Permanent Redirect", "Location: /good")),
    Failure("bad request", RETURNED_ERROR, "400", says({"message": "which caller?"}, "400 Bad Request")),
    Failure("unauthorized", FAILED, "401", says({"message": "who?"}, "401 Unauthorized")),
    Failure("not found", FAILED, "404", says({}, "404 Not Found")),
    Failure("broken", FAILED, "500", says({"error": "not for the caller"}, "500 Internal Server Error")),
    Failure("unavailable", FAILED, "503", sends(b"", "503 Unavailable", "Retry-After: 1")),
    Failure("empty", NONE, "no body", sends(b"")),
    Failure("no content", NONE, "no body", raw(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")),
    Failure("page", FAILED, "not JSON", sends(b"<html>It works!</html>")),
    Failure("broken JSON", FAILED, "not JSON", sends(b'{"assistantId": ')),
    Failure("NaN", FAILED, "not JSON", sends(b'{"assistant": {"maxDurationSeconds": NaN}}')),
    Failure("deep", FAILED, "not JSON", sends(b"[" * 100_000 + b"]" * 100_000)),
    Failure("bytes", FAILED, "not JSON", sends(b"\xff\xfe\x00")),
    Failure("list", INVALID, "not an object", says(["assistantId"])),
    Failure("text", INVALID, "not an object", says("assistantId")),
    Failure("huge", FAILED, "", sends(b'{"error": "' + b"x" * 2_000_000 + b'"}')),
    Failure("endless", FAILED, "", never_ends),
    Failure("packed", FAILED, "", sends(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip")),
    Failure("nobody", NONE, "No assistant", says({})),
    Failure("only nulls", NONE, "No assistant", says({"assistantId": None, "error": None})),
    Failure("something else", NONE, "No assistant", says({"result": "ok"})),
    Failure("unknown assistant", "assistant-not-found", "", says({"assistantId": NOBODY})),
    Failure("unknown squad", "assistant-not-found", "", says({"squadId": NOBODY})),
    Failure("no id", "assistant-not-found", "", says({"assistantId": "'; --"})),
    Failure("empty squad", NONE, "No assistant", says({"squad": {"members": []}})),
    Failure("lost member", "assistant-not-found", "", says({"squad": {"members": [LOST]}})),
    Failure("invalid assistant", INVALID, "model.provider", says({"assistant": UNFIT})),
    Failure("invalid field", INVALID, "must be a string", says({"assistant": {"firstMessage": 5, "x": 1}})),
    Failure("no object", INVALID, "", says({"assistant": "Harbor"})),
    Failure("invalid squad", INVALID, "members", says({"squad": {"name": "no members"}})),
    Failure(
        "invalid overrides", INVALID, "maxDurationSeconds",
        says({"assistant": {}, "assistantOverrides": {"maxDurationSeconds": "long"}}),
    ),
    Failure("invalid destination", INVALID, "", says({"destination": {"type": "moon"}})),
    Failure(
        "error", RETURNED_ERROR, "The museum is closed", says({"error": "The museum is closed today."}),
        spoken="museum is closed today",
    ),
    Failure(
        "error first", RETURNED_ERROR, "The museum is closed",
        says({"assistant": {}, "destination": DESK, "error": "The museum is closed today."}),
        spoken="museum is closed today",
    ),
    Failure("unspeakable", UNSPEAKABLE, "not a sentence", says({"error": {"code": 7}})),
    Failure("blank", UNSPEAKABLE, "not a sentence", says({"error": "  "})),
]  # fmt: skip
BY_NAME = {one.name: one for one in FAILURES}
REASONS = {one.reason: one.name for one in reversed(FAILURES) if one.act is not None}
HOOKED = [name for reason, name in REASONS.items() if reason.startswith("assistant-request-")]
