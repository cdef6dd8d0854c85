"""`python -m bench` measures the screens, `python -m bench mail` the delivery of mail, `python -m bench saving` saving
and approving, `python -m bench search` searching customers at two sizes, `python -m bench exports` exports,
`python -m bench start` the start of the whole hub, `python -m bench new-customer` saving a customer beside Django's
admin, `python -m bench custom-fields` what twenty custom fields cost,
`python -m bench signing` sending an envelope beside the bare SDK. The imports have `python -m bench.imports`.
"""

import sys

from bench import custom_field_costs, exports, mail, new_customer, saving, screens, searching, signing, start

PARTS = {
    "screens": screens.main,
    "mail": mail.main,
    "saving": saving.main,
    "search": searching.main,
    "exports": exports.main,
    "start": start.main,
    "new-customer": new_customer.main,
    "custom-fields": custom_field_costs.main,
    "signing": signing.main,
}

if sys.argv[1:2] and sys.argv[1] in PARTS:
    PARTS[sys.argv[1]](sys.argv[2:])
else:
    screens.main()
