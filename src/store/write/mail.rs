//! The outbox: letters that wait to be sent.

use redb::ReadableTable;

use super::super::error::ReadError;
use super::super::open::Open;
use super::super::record::Mail;
use super::super::row::Record;
use super::Write;
use crate::id::Timestamp;

/// Letters that wait at most; a further one takes the oldest one's place.
pub const MAX_OUTBOX: u64 = 1_000;

/// A letter to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// The address.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// What it says.
    pub text: String,
    /// When it is of no use any more.
    pub expires: Timestamp,
}

/// Puts a letter into the outbox, and answers with its number.
pub(super) fn queue(open: &mut Open<'_>, new: &NewMail) -> Result<u64, ReadError> {
    let (first, last) = {
        let outbox = &open.tables.outbox;
        (outbox.first()?.map(|(key, _)| key.value()), outbox.last()?.map(|(key, _)| key.value()))
    };
    let number = last.unwrap_or(0) + 1;
    let NewMail { to, subject, text, expires } = new.clone();
    let mail = Mail { number, to, subject, text, created: open.by.at, expires };
    let _ = open.put_unaudited(None, Some(&mail))?;
    if let Some(first) = first.filter(|first| number - first >= MAX_OUTBOX) {
        open.tables.outbox.remove(first)?;
    }
    Ok(number)
}

/// A letter was sent, or is of no use any more.
pub fn remove_mail(number: u64) -> Write<bool, std::convert::Infallible> {
    Write::new(move |open| Ok(open.tables.outbox.remove(number)?.is_some()))
}

/// Removes letters that are of no use any more, and answers with how many.
pub fn sweep_mail() -> Write<u64, std::convert::Infallible> {
    Write::new(move |open| {
        let now = open.by.at;
        let mut gone = Vec::new();
        for row in open.tables.outbox.iter()? {
            let mail = Mail::decode(row?.1.value())?;
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
