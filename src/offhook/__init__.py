"""Offhook: a self-hosted phone service for AI assistants."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
"""onnxruntime looks up its vendor's collector and keeps an id in the home, unless this is set before it is
loaded. It stands here since every process of Offhook passes here first."""

os.environ["OPENBLAS_NUM_THREADS"] = "1"
"""numpy's matrices are small here: threads of its own would wait for each other and take cores from calls."""

__version__ = "0.1.0"
