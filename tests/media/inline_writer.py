"""A recordings' writer without a thread, for the virtual clock, which has no threads to wait for."""

from __future__ import annotations

from offhook.media.recording import Job


class InlineWriter:
    """Runs each job at once."""

    disk_refuses = False

    def submit(self, job: Job, *, must: bool = False) -> bool:
        job()
        return True
