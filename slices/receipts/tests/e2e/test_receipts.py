"""Receipts from the deployed stack, before and after a punch is stored."""

import uuid

from ponto.punch import EVENT
from slices.receipts.function import EXPOSED_HEADERS, NO_LIST_MESSAGE
from tests.e2e.client import EMPLOYEES, Client
from tools.kit.event import body


def test_receipt_is_404_until_the_punch_is_stored(client: Client) -> None:
    sent = body(next(EMPLOYEES), "2026-10-01T08:00:00-03:00", id=str(uuid.uuid4()))
    before = client.get(sent["id"])

    accepted = client.post(sent)

    assert accepted.status == 202
    client.wait_until_drained()
    answer = client.get(sent["id"])
    assert answer.status == 200
    receipt = dict(answer.body)
    assert receipt.pop("recebidaEm") <= receipt.pop("gravadaEm")
    subject, instant = (EVENT.fields[column].name for column in (EVENT.subject, EVENT.instant))
    assert receipt == {
        "situacao": "gravada",
        "id": sent["id"],
        subject: sent[subject],
        instant: "2026-10-01T11:00:00Z",
    }
    assert answer.headers["cache-control"] == "no-store"
    assert (before.status, int(before.headers["retry-after"])) == (404, 5)
    for each in (before, accepted, answer):
        assert each.headers["access-control-allow-origin"] == "*"
        assert "Date" in each.headers["access-control-expose-headers"]
        assert "date" in each.headers


def test_receipt_requires_the_key_and_a_list_requires_sign_in(client: Client) -> None:
    for refused in (client.get(str(uuid.uuid4()), x_api_key=None), client.get(str(uuid.uuid4()), x_api_key="wrong")):
        assert refused.status == 403
        assert "Date" in refused.headers["access-control-expose-headers"]
    assert client.post(b"", method="GET", x_api_key=None).status == 403
    listed = client.post(b"", method="GET")  # a list needs a sign-in
    assert (listed.status, listed.body) == (404, {"message": NO_LIST_MESSAGE})
    assert listed.headers["access-control-allow-origin"] == "*"
    assert listed.headers["access-control-expose-headers"] == EXPOSED_HEADERS
