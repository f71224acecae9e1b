"""The decimals of currencies: with others than the server's, a client names other prices."""

import json

from negotiation_service.settings import load_currencies
from tests.support.node import LIBRARY, run


def test_the_library_knows_the_decimals_of_every_currency_of_a_deal() -> None:
    currencies = load_currencies()
    script = (
        'import { exponentOf } from "./src/money.ts";'
        f" const codes = {json.dumps(sorted(currencies))};"
        " const found = codes.map((code) => [code, exponentOf(code)]);"
        " process.stdout.write(JSON.stringify(Object.fromEntries(found)));"
    )
    told = run("node", "--input-type=module", "-e", script, folder=LIBRARY)
    assert json.loads(told) == currencies
