"""`python -m bench` measures the screens, `python -m bench mail` the delivery of mail, `python -m bench
saving` saving and approving, `python -m bench search` searching customers at two sizes. The imports have `python -m
bench.imports`.
"""

import sys

from bench import mail, saving, screens, searching

PARTS = {"screens": screens.main, "mail": mail.main, "saving": saving.main, "search": searching.main}

if sys.argv[1:2] and sys.argv[1] in PARTS:
    PARTS[sys.argv[1]](sys.argv[2:])
else:
    screens.main()
