"""Verifies messages of webhooks by the package `standardwebhooks`: a line of JSON for each on standard input, with its secret,
its headers and its body, and a line for each on standard output."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    message = json.loads(line)
    try:
        said = Webhook(message["secret"]).verify(message["body"], message["headers"])
        print("verified", json.dumps(said, separators=(",", ":"), ensure_ascii=False))
    except WebhookVerificationError as error:
        print("refused", error)
