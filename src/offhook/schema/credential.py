"""Credentials that an assistant or the organisation holds, one class per shape (vapi-wire §2.3, §4.2).

Offhook uses those for webhooks and for OpenAI-compatible servers; the rest are accepted, as the
API accepts them, and stored. Names of regions are open strings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from offhook.schema.authentication_plan import AuthenticationPlan, OAuth2AuthenticationPlan
from offhook.schema.base import Model, Number
from offhook.schema.bucket import (
    AzureBlobStorageBucketPlan,
    BucketPlan,
    CloudflareR2BucketPlan,
    GcpKey,
    S3CompatibleBucketPlan,
    SupabaseBucketPlan,
)
from offhook.schema.sip_trunk import SipTrunkGateway, SipTrunkOutboundAuthenticationPlan

Secret = Annotated[str, Field(max_length=10000)]


class SpkiPemPublicKeyConfig(Model):
    format: Literal["spki-pem"]
    pem: str
    name: str | None = Field(default=None, max_length=100)


class PublicKeyEncryptionPlan(Model):
    type: Literal["public-key"]
    algorithm: Literal["RSA-OAEP-256"]
    public_key: SpkiPemPublicKeyConfig


class _Credential(Model):
    name: str | None = Field(default=None, min_length=1, max_length=40)


class WebhookCredential(_Credential):
    """How Offhook proves itself to a server that it sends messages to."""

    provider: Literal["webhook"]
    authentication_plan: AuthenticationPlan


class CustomCredential(_Credential):
    provider: Literal["custom-credential"]
    authentication_plan: AuthenticationPlan
    encryption_plan: PublicKeyEncryptionPlan | None = None


class CustomLLMCredential(_Credential):
    provider: Literal["custom-llm"]
    api_key: Secret
    authentication_plan: OAuth2AuthenticationPlan | None = None


class ApiKeyCredential(_Credential):
    """The providers that want a key and nothing else."""

    provider: Literal[
        "anthropic",
        "anyscale",
        "assembly-ai",
        "cerebras",
        "deep-seek",
        "deepinfra",
        "gladia",
        "gohighlevel",
        "google",
        "groq",
        "hume",
        "inflection-ai",
        "inworld",
        "lmnt",
        "neuphonic",
        "openai",
        "openrouter",
        "perplexity-ai",
        "rime-ai",
        "runpod",
        "smallest-ai",
        "speechmatics",
        "tavus",
        "together-ai",
        "wellsaid",
        "xai",
    ]
    api_key: Secret


class MistralCredential(_Credential):
    provider: Literal["mistral"]
    api_key: str = Field(max_length=100)


class ElevenLabsCredential(_Credential):
    provider: Literal["11labs"]
    api_key: Secret
    api_url: Literal["https://api.elevenlabs.io", "https://api.eu.residency.elevenlabs.io"] | None = None


class ApiUrlCredential(_Credential):
    provider: Literal["cartesia", "deepgram", "soniox"]
    api_key: Secret
    api_url: str | None = None


class LangfuseCredential(_Credential):
    provider: Literal["langfuse"]
    public_key: str
    api_key: str
    api_url: str


class MakeCredential(_Credential):
    provider: Literal["make"]
    team_id: str
    region: str
    api_key: str


class MicrosoftCredential(_Credential):
    provider: Literal["microsoft"]
    api_key: Secret
    region: str | None = Field(default=None, max_length=64)


class MinimaxCredential(_Credential):
    provider: Literal["minimax"]
    api_key: str
    group_id: str


class PlayHTCredential(_Credential):
    provider: Literal["playht"]
    api_key: str
    user_id: str


class TwilioCredential(_Credential):
    provider: Literal["twilio"]
    account_sid: str
    auth_token: str | None = None
    api_key: str | None = None
    api_secret: str | None = None


class VonageCredential(_Credential):
    provider: Literal["vonage"]
    api_key: str
    api_secret: str


class AWSIAMCredentialsAuthenticationPlan(Model):
    type: Literal["aws-iam"]
    aws_access_key_id: str = Field(max_length=128)
    aws_secret_access_key: str = Field(max_length=256)


class AWSStsAuthenticationPlan(Model):
    type: Literal["aws-sts"]
    role_arn: str
    external_id: str | None = Field(default=None, max_length=256)


class AnthropicBedrockCredential(_Credential):
    provider: Literal["anthropic-bedrock"]
    region: str
    authentication_plan: Annotated[
        AWSIAMCredentialsAuthenticationPlan | AWSStsAuthenticationPlan, Field(discriminator="type")
    ]


class AzureOpenAICredential(_Credential):
    provider: Literal["azure-openai"]
    region: str
    models: list[str]
    open_ai_key: Secret = Field(alias="openAIKey")
    open_ai_endpoint: Secret = Field(alias="openAIEndpoint")
    ocp_apim_subscription_key: str | None = None


class _StorageCredential(_Credential):
    """Lower `fallbackIndex` is tried first."""

    fallback_index: Number | None = Field(default=None, ge=1)


class AzureCredential(_StorageCredential):
    provider: Literal["azure"]
    service: Literal["speech", "blob_storage"]
    region: str | None = None
    api_key: Secret | None = None
    bucket_plan: AzureBlobStorageBucketPlan | None = None


class CloudflareCredential(_StorageCredential):
    provider: Literal["cloudflare"]
    account_id: str | None = None
    account_email: str | None = None
    api_key: str | None = None
    bucket_plan: CloudflareR2BucketPlan | None = None


class GcpCredential(_StorageCredential):
    provider: Literal["gcp"]
    gcp_key: GcpKey
    region: str | None = Field(default=None, max_length=40)
    bucket_plan: BucketPlan | None = None


class S3Credential(_StorageCredential):
    provider: Literal["s3"]
    aws_access_key_id: str
    aws_secret_access_key: str
    region: str
    s3_bucket_name: str
    s3_path_prefix: str


class S3CompatibleCredential(_StorageCredential):
    provider: Literal["s3-compatible"]
    bucket_plan: S3CompatibleBucketPlan


class SupabaseCredential(_StorageCredential):
    provider: Literal["supabase"]
    bucket_plan: SupabaseBucketPlan | None = None


class ByoSipTrunkCredential(_Credential):
    provider: Literal["byo-sip-trunk"]
    gateways: list[SipTrunkGateway]
    outbound_authentication_plan: SipTrunkOutboundAuthenticationPlan | None = None
    outbound_leading_plus_enabled: bool | None = None
    tech_prefix: Secret | None = None
    sip_diversion_header: Secret | None = None


class AuthorizationCredential(_Credential):
    provider: Literal[
        "google.calendar.oauth2-authorization",
        "google.sheets.oauth2-authorization",
        "slack.oauth2-authorization",
    ]
    authorization_id: str


class Oauth2AuthenticationSession(Model):
    access_token: str | None = None
    refresh_token: str | None = None
    expires_at: str | None = None


class GoHighLevelMCPCredential(_Credential):
    provider: Literal["ghl.oauth2-authorization"]
    authentication_session: Oauth2AuthenticationSession


class GoogleCalendarOAuth2ClientCredential(_Credential):
    provider: Literal["google.calendar.oauth2-client"]


class EmailCredential(_Credential):
    provider: Literal["email"]
    email: str


class SlackWebhookCredential(_Credential):
    provider: Literal["slack-webhook"]
    webhook_url: str


AnyCredential = Annotated[
    WebhookCredential
    | CustomCredential
    | CustomLLMCredential
    | ApiKeyCredential
    | MistralCredential
    | ElevenLabsCredential
    | ApiUrlCredential
    | LangfuseCredential
    | MakeCredential
    | MicrosoftCredential
    | MinimaxCredential
    | PlayHTCredential
    | TwilioCredential
    | VonageCredential
    | AnthropicBedrockCredential
    | AzureCredential
    | AzureOpenAICredential
    | CloudflareCredential
    | GcpCredential
    | S3Credential
    | S3CompatibleCredential
    | SupabaseCredential
    | ByoSipTrunkCredential
    | AuthorizationCredential
    | GoHighLevelMCPCredential
    | GoogleCalendarOAuth2ClientCredential
    | EmailCredential
    | SlackWebhookCredential,
    Field(discriminator="provider"),
]
