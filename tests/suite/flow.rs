//! Files of flows: checked without a server, and held against their schema by somebody else's validator;
//! what is made to take much, and what a server says of them.

mod check;
mod command;
mod hostile;
mod on_server;
