// Verifies messages of webhooks by the package `standardwebhooks`, as webhook.py does.

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Webhook, WebhookVerificationError } = createRequire(`${process.argv[2]}/`)("standardwebhooks");

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  try {
    const said = new Webhook(secret).verify(body, headers);
    console.log("verified", JSON.stringify(said));
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    console.log("refused", error.message);
  }
}
