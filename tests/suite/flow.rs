//! Files of flows: checked without a server, and held against their schema by somebody else's validator;
//! and what is made to take much.

mod check;
mod hostile;
