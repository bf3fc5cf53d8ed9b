"""Starlette routes, one file per resource; keys, errors, paging. See docs/architecture.md."""

from offhook.api.app import create_app
from offhook.api.services import Services
from offhook.links import RecordingLinks

__all__ = ["RecordingLinks", "Services", "create_app"]
