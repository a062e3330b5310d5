//! What plugins ask the server for while they are called, on the thread on which that is.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::runtime::Handle as Runtime;
use tokio::time::timeout;
use url::Url;

use super::handle::Handle;
use super::plugin_asks::Asking;
use crate::bounds::MAX_PLUGIN_DATA;
use crate::dial::{PATIENCE, Question};
use crate::id::{PluginId, Timestamp};
use crate::plugin::{Answered, Grant, Host, HttpAsked};
use crate::store::{By, Failed, write};
use crate::voice::Peer;

/// Does what one call of a plugin asks for.
pub(super) struct PluginHost<P> {
    pub(super) handle: Handle<P>,
    pub(super) plugin: PluginId,
    /// Who asks; not here while something is done for it, nor once that took too long.
    pub(super) asking: Option<Asking<P>>,
    /// The code that is called, and when it was installed: another one of the same number isn't this one.
    pub(super) version: (String, Timestamp),
    /// Where what it waits for goes on meanwhile.
    pub(super) runtime: Runtime,
}

impl<P: Peer> PluginHost<P> {
    /// Waits for something, but not once the server stops.
    fn wait_for<T>(&self, waits: impl Future<Output = T>) -> Result<T, String> {
        let stop = &self.handle.shared.plugins.stop;
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = stop.told() => Err("the server stops".to_owned()),
                done = waits => Ok(done),
            }
        })
    }
}

impl<P: Peer> Host for PluginHost<P> {
    fn is_over(&self) -> bool {
        self.handle.shared.plugins.stop.is_set()
    }

    fn still_has(&self, grant: &Grant) -> bool {
        let shared = &self.handle.shared;
        match shared.store.plugin_numbered(shared.organization, self.plugin) {
            Ok(Some(row)) => {
                let is_called = row.off.is_none() && (row.sha256, row.installed) == self.version;
                is_called && row.grants.contains(&grant.to_string())
            }
            Ok(None) => false,
            Err(error) => {
                error.complain();
                false
            }
        }
    }

    fn value(&mut self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let shared = &self.handle.shared;
        shared.store.plugin_value(shared.organization, self.plugin, name).map_err(|error| {
            error.complain();
            "the server can't read its database".to_owned()
        })
    }

    fn keep(&mut self, values: Vec<(String, Option<Vec<u8>>)>) -> Result<(), String> {
        let shared = &self.handle.shared;
        let write = write::keep_plugin_values(shared.organization, self.plugin, self.version.clone(), values);
        match shared.store.run(By::server(shared.clock.wall()), write) {
            Ok(()) => Ok(()),
            Err(Failed::Refused(error)) => Err(error.to_string()),
            Err(Failed::Commit(_)) => Err("the server can't write to its disk".to_owned()),
        }
    }

    fn ask(&mut self, function: &'static str, asked: &[u8], left: Duration) -> Result<Vec<u8>, String> {
        let late = || "the server didn't answer in time".to_owned();
        let mut asking = self.asking.take().ok_or_else(late)?;
        let (stop, asked) = (self.handle.shared.plugins.stop.clone(), asked.to_vec());
        // On a task of its own, which comes to its end where the plugin's time is over: what was written has to be made known.
        let task = self.runtime.spawn(async move {
            let answer = tokio::select! {
                biased;
                () = stop.told() => Err("the server stops".to_owned()),
                answer = asking.answer(function, &asked) => answer,
            };
            (asking, answer)
        });
        let done = self.runtime.block_on(async { timeout(left, task).await }).map_err(|_| late())?;
        let (asking, answer) = done.map_err(|_| "the server couldn't do that".to_owned())?;
        self.asking = Some(asking);
        answer
    }

    fn http(&mut self, asked: HttpAsked, left: Duration) -> Result<Answered, String> {
        let url = Url::parse(&asked.url).map_err(|error| error.to_string())?;
        let method = Method::from_bytes(asked.method.as_bytes()).map_err(|error| error.to_string())?;
        if method == Method::CONNECT {
            return Err("a plugin asks for no tunnel".to_owned());
        }
        let headers: Vec<_> =
            asked.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let question = Question {
            method,
            url: &url,
            headers: &headers,
            body: Bytes::from(asked.body),
            patience: left.min(PATIENCE),
            keep: MAX_PLUGIN_DATA,
        };
        let settings = &self.handle.shared.settings;
        let answer = self.wait_for(settings.client.ask(question, &settings.reach))?;
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.cut {
            return Err(format!("the answer has more than {} KiB", MAX_PLUGIN_DATA >> 10));
        }
        Ok(Answered { status: answer.status, body: answer.body.to_vec() })
    }
}
