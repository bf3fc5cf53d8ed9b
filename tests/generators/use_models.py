"""Uses the models that datamodel-code-generator made: reads the documents that are given as JSON, by the name
of their type, and prints them as the models write them. use_models.py MODELS < DOCUMENTS"""

import importlib.util
import json
import sys

specification = importlib.util.spec_from_file_location("models", sys.argv[1])
models = importlib.util.module_from_spec(specification)
sys.modules["models"] = models
specification.loader.exec_module(models)

documents = json.load(sys.stdin)
written = {
    name: getattr(models, name)
    .model_validate(document)
    .model_dump(mode="json", by_alias=True, exclude_unset=True)
    for name, document in documents.items()
}
json.dump(written, sys.stdout)
