//! The outbox: e-mails that wait to be sent.

use redb::ReadableTable;

use super::super::error::ReadError;
use super::super::open::Open;
use super::super::record::Email;
use super::super::row::Record;
use super::Write;
use crate::id::Timestamp;

/// E-mails that wait at most; a further one takes the oldest one's place.
pub const MAX_OUTBOX: u64 = 1_000;

/// An e-mail to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEmail {
    /// The address.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// When it is of no use any more.
    pub expires: Timestamp,
}

/// Puts an e-mail into the outbox, and answers with its number.
pub(super) fn queue(open: &mut Open<'_>, new: &NewEmail) -> Result<u64, ReadError> {
    let (first, last) = {
        let outbox = open.tables.outbox.table()?;
        (outbox.first()?.map(|(key, _)| key.value()), outbox.last()?.map(|(key, _)| key.value()))
    };
    let number = last.unwrap_or(0) + 1;
    let NewEmail { to, subject, text, expires } = new.clone();
    let mail = Email { number, to, subject, text, created: open.by.at, expires };
    let _ = open.put_unaudited(None, Some(&mail))?;
    if let Some(first) = first.filter(|first| number - first >= MAX_OUTBOX) {
        open.tables.outbox.remove(first)?;
    }
    Ok(number)
}

/// An e-mail waits to be sent.
pub fn put_email(new: NewEmail) -> Write<(), std::convert::Infallible> {
    Write::new(move |open| {
        queue(open, &new)?;
        Ok(())
    })
}

/// An e-mail was sent. Where another one has its number by now, which happens when the outbox was empty meanwhile, that one waits.
pub fn remove_email(sent: Email) -> Write<bool, std::convert::Infallible> {
    Write::new(move |open| {
        let is_there = open.get::<Email>(sent.number)?.is_some_and(|there| there == sent);
        if is_there {
            open.tables.outbox.remove(sent.number)?;
        }
        Ok(is_there)
    })
}

/// Removes e-mails that are of no use any more, and answers with how many.
pub fn sweep_emails() -> Write<u64, std::convert::Infallible> {
    Write::new(move |open| {
        let now = open.by.at;
        let mut gone = Vec::new();
        for row in open.tables.outbox.all()? {
            let mail = Email::decode(row?.1.value())?;
            if mail.expires <= now {
                gone.push(mail.number);
            }
        }
        for number in &gone {
            open.tables.outbox.remove(number)?;
        }
        Ok(gone.len() as u64)
    })
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::store::{By, Store};

    #[test]
    fn an_email_that_was_sent_takes_no_other_with_it() {
        let store = Store::open_on(InMemoryBackend::new(), Timestamp(1)).unwrap();
        let by = |at| By::server(Timestamp(at));
        let new = |text: &str| NewEmail {
            to: "a@example.org".to_owned(),
            subject: text.to_owned(),
            text: text.to_owned(),
            expires: Timestamp(10),
        };
        store.run(by(1), put_email(new("first"))).unwrap();
        let first = store.outbox(0, 9).unwrap().pop().unwrap();
        // While it is sent, its time is over, and the next one gets its number.
        assert_eq!(store.run(by(10), sweep_emails()).unwrap(), 1);
        store.run(by(11), put_email(new("second"))).unwrap();
        assert!(!store.run(by(11), remove_email(first)).unwrap());
        let second = store.outbox(0, 9).unwrap().pop().unwrap();
        assert_eq!((second.number, second.text.as_str()), (1, "second"));
        assert!(store.run(by(11), remove_email(second)).unwrap());
    }
}
