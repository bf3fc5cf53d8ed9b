"""The tools of an assistant: what the model is told of them, and how its calls are run."""
