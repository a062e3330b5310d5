//! The servers by which people log in here: whether they could now.

use super::report::Report;
use crate::clock::Clock;
use crate::config::Config;
use crate::dial::Client;
use crate::provider::Provider;
use crate::server::provider_settings;

const WHAT: &str = "log-in";

pub(super) async fn examine(config: &Config, report: &mut Report) {
    let described = match provider_settings(config) {
        Ok(described) => described,
        Err(error) => {
            return report.bad(WHAT, error.to_string(), "mend it: until then the server doesn't start");
        }
    };
    for provider in Provider::all(described, &Clock::system(), &Client::new()) {
        let name = &provider.settings().name;
        match provider.examine().await {
            Ok(()) => report.good(WHAT, format!("{name} answers, and shows its keys")),
            Err(error) => {
                let advice = format!(
                    "nobody new logs in by it until it answers; compare log_in.providers with what {} says",
                    provider.settings().issuer
                );
                report.bad(WHAT, format!("{name}: {error}"), &advice);
            }
        }
    }
}
