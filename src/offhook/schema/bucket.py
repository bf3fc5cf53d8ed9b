"""Places in other people's clouds where artifacts may be put; parts of storage credentials."""

from __future__ import annotations

from pydantic import Field

from offhook.schema.base import Model


class AzureBlobStorageBucketPlan(Model):
    connection_string: str
    container_name: str
    path: str | None = None


class CloudflareR2BucketPlan(Model):
    name: str
    url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    path: str | None = None


class BucketPlan(Model):
    name: str
    region: str | None = None
    path: str | None = None
    hmac_access_key: str | None = None
    hmac_secret: str | None = None


class GcpKey(Model):
    """A service account's key file, in camelCase."""

    type: str
    project_id: str
    private_key_id: str
    private_key: str
    client_email: str
    client_id: str
    auth_uri: str
    token_uri: str
    auth_provider_x509_cert_url: str = Field(alias="authProviderX509CertUrl")
    client_x509_cert_url: str = Field(alias="clientX509CertUrl")
    universe_domain: str


class S3CompatibleBucketPlan(Model):
    url: str
    region: str = Field(max_length=64)
    name: str
    access_key_id: str
    secret_access_key: str
    path: str | None = None


class SupabaseBucketPlan(Model):
    url: str
    region: str
    name: str
    access_key_id: str
    secret_access_key: str
    path: str | None = None
