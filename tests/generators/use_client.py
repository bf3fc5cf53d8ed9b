"""Uses the client that openapi-python-client made, as somebody would who has nothing but `/openapi.json`:
makes a number, reads it, changes it, lists it, asks for one that is not there, and prints what it saw.

use_client.py FOLDER URL KEY, where the package is FOLDER/offhook_client."""

import json
import sys

folder, url, key = sys.argv[1:]
sys.path.insert(0, folder)

# The package is found only now: hence E402.
from offhook_client import AuthenticatedClient  # noqa: E402
from offhook_client.api.phone_numbers import (  # noqa: E402
    phone_number_controller_create,
    phone_number_controller_find_all_paginated,
    phone_number_controller_find_one,
    phone_number_controller_remove,
    phone_number_controller_update,
)
from offhook_client.models import (  # noqa: E402
    CreateVapiPhoneNumberDTO,
    ErrorEnvelope,
    PhoneNumberPaginatedResponse,
    TransferDestinationSip,
    UpdateVapiPhoneNumberDTO,
    VapiPhoneNumber,
)

client = AuthenticatedClient(base_url=url, token=key)

written = CreateVapiPhoneNumberDTO(
    provider="vapi",
    name="Front desk",
    server_url="https://owner.example/hook",
    server_url_secret="s3cret",
    fallback_destination=TransferDestinationSip(type_="sip", sip_uri="sip:night@example.org"),
)
made = phone_number_controller_create.sync(client=client, body=written)
assert isinstance(made, VapiPhoneNumber), made

read = phone_number_controller_find_one.sync(made.id, client=client)
assert isinstance(read, VapiPhoneNumber), read

changes = UpdateVapiPhoneNumberDTO(name="Back desk")
changed = phone_number_controller_update.sync(made.id, client=client, body=changes)
assert isinstance(changed, VapiPhoneNumber), changed

page = phone_number_controller_find_all_paginated.sync(client=client, limit=10)
assert isinstance(page, PhoneNumberPaginatedResponse), page

removed = phone_number_controller_remove.sync(made.id, client=client)
assert isinstance(removed, VapiPhoneNumber), removed
absent = phone_number_controller_find_one.sync(made.id, client=client)
assert isinstance(absent, ErrorEnvelope), absent

print(
    json.dumps(
        {
            "class": type(read).__name__,
            "attributes": list(vars(type(read))["__annotations__"]),
            "made": made.to_dict(),
            "read": read.to_dict(),
            "patch": changes.to_dict(),
            "changed": changed.to_dict(),
            "listed": [number.id for number in page.results],
            "absent": absent.to_dict(),
        }
    )
)
