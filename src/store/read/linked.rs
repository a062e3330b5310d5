//! Log-ins at other servers that lead to accounts here.

use crate::id::{OrganizationId, UserId};
use crate::store::Store;
use crate::store::error::ReadError;
use crate::store::index::IndexKey;
use crate::store::record::LinkedLogIn;
use crate::store::row::Record;

/// Log-ins at other servers that lead to accounts here.
impl Store {
    /// The account's log-in that somebody has proven, who is this at that server.
    pub fn linked_log_in(
        &self,
        home: OrganizationId,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<LinkedLogIn>, ReadError> {
        let key = IndexKey::subject(home, issuer, subject);
        self.look(|tables| {
            let Some(user) = tables.index.get(key.0)?.map(|id| id.value()) else { return Ok(None) };
            for row in tables.linked_log_ins.range((user, 0)..=(user, u64::MAX))? {
                let link = LinkedLogIn::decode(row?.1.value())?;
                if link.issuer == issuer && link.subject == subject {
                    return Ok(Some(link));
                }
            }
            Ok(None)
        })
    }

    /// Those that lead to an account; as many as there can be fit one answer.
    pub fn linked_log_ins_of(&self, user: UserId) -> Result<Vec<LinkedLogIn>, ReadError> {
        self.look(|tables| {
            let rows = tables.linked_log_ins.range((user.0, 0)..=(user.0, u64::MAX))?;
            rows.map(|row| LinkedLogIn::decode(row?.1.value())).collect()
        })
    }
}
