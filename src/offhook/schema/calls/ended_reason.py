"""Why a call ended (vapi-wire Appendix A): those that name no vendor, and how those are made that do."""

from __future__ import annotations

from typing import Literal

EndedReason = Literal[
    # configuration / start
    "call-start-error-neither-assistant-nor-server-set",
    "assistant-request-failed",
    "assistant-request-returned-error",
    "assistant-request-returned-unspeakable-error",
    "assistant-request-returned-invalid-assistant",
    "assistant-request-returned-no-assistant",
    "assistant-request-returned-forwarding-phone-number",
    "scheduled-call-deleted",
    "call.start.error-vapifault-get-org",
    "call.start.error-vapifault-get-subscription",
    "call.start.error-get-assistant",
    "call.start.error-get-phone-number",
    "call.start.error-get-customer",
    "call.start.error-get-resources-validation",
    "call.start.error-vapi-number-international",
    "call.start.error-vapi-number-outbound-daily-limit",
    "call.start.error-get-transport",
    "call.start.error-subscription-wallet-does-not-exist",
    "call.start.error-fraud-check-failed",
    "call.start.error-subscription-frozen",
    "call.start.error-subscription-insufficient-credits",
    "call.start.error-subscription-upgrade-failed",
    "call.start.error-subscription-concurrency-limit-reached",
    "call.start.error-enterprise-feature-not-available-recording-consent",
    "call.start.assistant-version-error-validation",
    "call.start.squad-version-error-validation",
    "assistant-not-valid",
    "call.start.error-vapifault-database-error",
    "assistant-not-found",
    "call.start.error-vapifault-worker-not-available",
    # SIP, ringing, hooks, forwarding
    "call.in-progress.sip-completed-call",
    "call.in-progress.error-sip-inbound-call-failed-to-connect",
    "call.in-progress.error-providerfault-outbound-sip-503-service-unavailable",
    "call.in-progress.error-sip-outbound-call-failed-to-connect",
    "call.ringing.error-sip-inbound-call-failed-to-connect",
    "call.in-progress.error-warm-transfer-max-duration",
    "call.in-progress.error-warm-transfer-assistant-cancelled",
    "call.in-progress.error-warm-transfer-silence-timeout",
    "call.in-progress.error-warm-transfer-microphone-timeout",
    "call.in-progress.error-transfer-failed",
    "customer-ended-call-before-warm-transfer",
    "customer-ended-call-after-warm-transfer-attempt",
    "call.forwarding.operator-busy",
    "call.forwarding.no-answer",
    "call.in-progress.error-providerfault-outbound-sip-403-forbidden",
    "call.in-progress.error-providerfault-outbound-sip-407-proxy-authentication-required",
    "call.in-progress.error-providerfault-outbound-sip-408-request-timeout",
    "call.in-progress.error-providerfault-outbound-sip-480-temporarily-unavailable",
    "sip-outbound-unallocated-number",
    "sip-outbound-carrier-released-call",
    "call.ringing.hook-executed-say",
    "call.ringing.hook-executed-transfer",
    "call.ending.hook-executed-say",
    "call.ending.hook-executed-transfer",
    "call.ringing.sip-inbound-caller-hungup-before-call-connect",
    # assistant
    "assistant-ended-call",
    "assistant-said-end-call-phrase",
    "assistant-ended-call-with-hangup-task",
    "assistant-ended-call-after-message-spoken",
    "assistant-forwarded-call",
    "assistant-join-timed-out",
    # customer / timeouts / manual
    "customer-busy",
    "customer-ended-call",
    "customer-ended-call-during-transfer",
    "customer-did-not-answer",
    "customer-did-not-give-microphone-permission",
    "exceeded-max-duration",
    "manually-canceled",
    "silence-timed-out",
    "voicemail",
    "call-deleted",
    # platform / carriers
    "call.in-progress.error-pipeline-no-available-llm-model",
    "worker-shutdown",
    "vonage-disconnected",
    "vonage-failed-to-connect-call",
    "vonage-completed",
    "phone-call-provider-bypass-enabled-but-no-call-received",
    "call.in-progress.error-providerfault-transport-never-connected",
    "call.in-progress.error-vapifault-worker-not-available",
    "call.in-progress.error-vapifault-transport-never-connected",
    "call.in-progress.error-vapifault-transport-connected-but-call-not-active",
    "call.in-progress.error-vapifault-call-started-but-connection-to-transport-missing",
    "call.in-progress.error-vapifault-worker-died",
    "call.in-progress.twilio-completed-call",
    "call.in-progress.error-vapifault-chat-pipeline-failed-to-start",
    "call.in-progress.error-configfault-model-unsupported-in-squad",
    "call.in-progress.error-configfault-transport-unsupported-for-model",
    "call.in-progress.error-pipeline-ws-model-connection-failed",
    "call.in-progress.error-assistant-did-not-receive-customer-audio",
    "phone-call-provider-closed-websocket",
    "twilio-failed-to-connect-call",
    "twilio-reported-customer-misdialed",
    "vonage-rejected",
]

PipelineFailure = Literal[
    "voice-failed",
    "transcriber-failed",
    "llm-failed",
    "400-bad-request-validation-failed",
    "401-unauthorized",
    "403-model-access-denied",
    "429-exceeded-quota",
    "429-rate-limit-reached",
    "500-server-error",
    "503-server-overloaded-error",
]

VendorFailure = Literal[
    # deepgram
    "returning-400-no-such-model-language-tier-combination",
    "returning-401-invalid-credentials",
    "returning-403-model-access-denied",
    "returning-404-not-found",
    "returning-500-invalid-json",
    "returning-502-bad-gateway-ehostunreach",
    "returning-502-network-error",
    "returning-econnreset",
    "transcriber-api-key-missing",
    # 11labs
    "500-server-error",
    "503-server-error",
    "blocked-concurrent-requests-and-requested-upgrade",
    "blocked-content-against-their-policy",
    "blocked-free-plan-and-requested-upgrade",
    "blocked-using-instant-voice-clone-and-requested-upgrade",
    "invalid-api-key",
    "invalid-voice-samples",
    "max-character-limit-exceeded",
    "missing-samples-for-voice-clone",
    "professional-voices-only-for-creator-plus",
    "quota-exceeded",
    "system-busy-and-requested-upgrade",
    "unauthorized-access",
    "unauthorized-to-access-model",
    "voice-disabled-by-owner",
    "voice-not-allowed-for-free-users",
    "voice-not-fine-tuned",
    "voice-not-found",
    # cartesia
    "502-server-error",
    "522-server-error",
    "requested-payment",
    "socket-hang-up",
    # assembly-ai
    "returning-400-insufficent-funds",
    "returning-400-paid-only-feature",
    # soniox, xai
    "transcriber-auth-failed",
    "transcriber-invalid-config",
    "transcriber-rate-limited",
    "transcriber-server-error",
]
"""What only some vendors are known to answer; each to those that name it."""

EngineFailure = PipelineFailure | VendorFailure

_SPELLED: dict[tuple[str, str], str] = {
    ("custom-voice", "voice-failed"): "custom-voice-failed",
    ("custom-transcriber", "transcriber-failed"): "custom-transcriber-failed",
    ("azure", "transcriber-failed"): "azure-speech-transcriber-failed",
}
_VENDORS = {"11labs": "eleven-labs"}


def pipeline_error(provider: str, failure: EngineFailure) -> str:
    """The reason of a call that ended because an engine failed; `provider` as in the assistant."""
    vendor = _VENDORS.get(provider, provider)
    return "pipeline-error-" + _SPELLED.get((provider, failure), f"{vendor}-{failure}")
