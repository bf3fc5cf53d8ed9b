"""Each process loads what its plane needs and no more: what is loaded costs memory in each."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.machine import PATIENCE


@pytest.mark.parametrize(
    ("module", "without"),
    [
        (
            "offhook.planes.supervisor",
            {"alembic", "fastapi", "numpy", "onnxruntime", "pydantic", "sqlalchemy", "typer", "uvicorn"},
        ),
        ("offhook.planes.api_process", {"alembic", "numpy", "onnxruntime", "openai"}),
        (
            "offhook.planes.call_process",
            {"alembic", "fastapi", "numpy", "onnxruntime", "pylibsrtp", "starlette", "uvicorn"},
        ),
        (
            "offhook.media.media_process",
            {"alembic", "fastapi", "httpx2", "onnxruntime", "pydantic", "sqlalchemy", "starlette", "uvicorn"},
        ),
    ],
)
def test_a_plane_loads_nothing_of_another(module: str, without: set[str]) -> None:
    program = f"import sys, {module}; print('found:', sorted({without!r} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE)

    assert done.stdout == "found: []\n", done.stderr
